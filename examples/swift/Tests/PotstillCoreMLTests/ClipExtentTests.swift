// ClipExtentTests.swift - frames, masks, and numbers of float16.
import XCTest

@testable import PotstillCoreML

final class ClipExtentTests: XCTestCase {
    func testFrames() {
        // docs/COREML.md: ten seconds, and the shortest clip.
        XCTAssertEqual(ClipExtent(samples: 160_000, family: .moonshine).frames1, 2499)
        XCTAssertEqual(ClipExtent(samples: 160_000, family: .moonshine).frames, 415)
        XCTAssertEqual(ClipExtent(samples: 895, family: .moonshine).frames, 1)
        XCTAssertEqual(ClipExtent(samples: 160_000, family: .streaming).frames, 500)
        XCTAssertEqual(ClipExtent(samples: 81, family: .streaming).frames1, 2)
    }

    func testInputs() throws {
        let index = try Fixture.index()
        let clip = (0..<8000).map { Float($0 % 7) }
        let inputs = EncoderInputs(clip, length: index.lengths[0], index: index)
        let extent = ClipExtent(samples: 8000, family: .moonshine)
        XCTAssertEqual(inputs.samples.count, 16000)
        XCTAssertEqual(Array(inputs.samples[0..<8000]), clip)
        XCTAssertEqual(inputs.samples[8000...].max(), 0)
        let weights = try XCTUnwrap(inputs.frameWeights)
        XCTAssertEqual(weights.count, 249)
        XCTAssertEqual(weights.filter { $0 != 0 }, [Float](repeating: 249 / Float(extent.frames1), count: extent.frames1))
        XCTAssertEqual(inputs.keyMask.filter { $0 == 0 }.count, extent.frames)
        XCTAssertEqual(inputs.keyMask[extent.frames], -4000)
        XCTAssertEqual(inputs.keyMask.last, -4000)
    }

    func testStandardised() throws {
        let index = try Fixture.index { $0["do_normalize"] = true }
        let inputs = EncoderInputs([3] + [Float](repeating: 1, count: 999), length: index.lengths[0], index: index)
        let clip = inputs.samples[0..<1000]
        XCTAssertEqual(clip.reduce(0, +), 0, accuracy: 1e-2)
        XCTAssertEqual(clip.reduce(0) { $0 + $1 * $1 } / 1000, 1, accuracy: 1e-2)
        XCTAssertEqual(inputs.samples[1000], 0) // silence behind it stays silence
    }

    func testHalf() throws {
        #if arch(x86_64) && os(macOS)
        throw XCTSkip("Swift has no Float16 here")
        #else
        for bits in UInt16.min...UInt16.max {
            let real = Float(Float16(bitPattern: bits))
            let ours = Half.value(bits)
            XCTAssertTrue(ours == real || (ours.isNaN && real.isNaN), "\(bits)")
            if !real.isNaN { XCTAssertEqual(Half.bits(real), bits) }
        }
        var number: UInt32 = 1
        for _ in 0..<200_000 { // any float
            number = number &* 1_664_525 &+ 1_013_904_223
            let value = Float(bitPattern: number)
            if !value.isNaN { XCTAssertEqual(Half.bits(value), Float16(value).bitPattern, "\(value)") }
        }
        #endif
    }

    func testBest() {
        XCTAssertEqual(bestOf(4) { [1, 5, 5, 2][$0] }, Best(token: 1, lead: 0))
        XCTAssertEqual(bestOf(3) { [-7, -2, -3][$0] }, Best(token: 1, lead: 1))
        XCTAssertTrue(bestOf(3) { [1, .nan, 3][$0] }.lead.isNaN)
        XCTAssertTrue(bestOf(2) { [.infinity, 3][$0] }.lead.isNaN)
    }
}
