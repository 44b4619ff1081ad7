// TranscriberTests.swift - what an app calls, with arithmetic in place of Core ML.
import Foundation
import XCTest

@testable import PotstillCoreML

final class TranscriberTests: XCTestCase {
    private final class Parts {
        var all: [String: FakePart] = [:]
        var onRun: () -> Void = {}
    }

    private func make(_ parts: Parts = Parts(), length: Int = 20) throws -> (Transcriber, Parts) {
        let index = try Fixture.index()
        let engine = Engine(index: index, tokenizer: try Fixture.tokenizer("commands")) { part in
            let made = FakePart(isVerifier: part.package.hasPrefix("verify"), length: length)
            made.onRun = parts.onRun
            parts.all[part.package] = made
            return made
        }
        return (Transcriber(engine: engine), parts)
    }

    func testAClip() async throws {
        let (transcriber, parts) = try make()
        let first = try await transcriber.transcribe([Float](repeating: 0.1, count: 20000))
        let second = try await transcriber.transcribe([Float](repeating: 0.1, count: 20000))
        XCTAssertEqual(first, second)
        XCTAssertEqual(first.tokens.count, 21)
        XCTAssertFalse(first.isCut)
        XCTAssertEqual(Set(parts.all.keys), ["encoder-2s.mlpackage", "decoder-2s.mlpackage"])
        let decoder = try XCTUnwrap(parts.all["decoder-2s.mlpackage"])
        XCTAssertTrue(decoder.fedFrom === parts.all["encoder-2s.mlpackage"])
        let frames = ClipExtent(samples: 20000, family: .moonshine).frames
        XCTAssertEqual(decoder.inputs["cross_mask"]?.filter { $0 == 0 }.count, frames)
        await XCTAssertThrows(try await transcriber.transcribe([Float](repeating: 0, count: 32001)))
    }

    func testTheTextGrows() async throws {
        let (transcriber, _) = try make()
        let clip = [Float](repeating: 0.1, count: 16000)
        var texts: [String] = []
        for try await text in transcriber.partialTexts(clip) { texts.append(text) }
        XCTAssertEqual(texts.count, 20)
        let whole = try await transcriber.transcribe(clip).text
        XCTAssertEqual(texts.last, whole)
    }

    func testCancellation() async throws {
        let parts = Parts()
        parts.onRun = { Thread.sleep(forTimeInterval: 0.02) }
        let (transcriber, made) = try make(parts, length: 190)
        let task = Task { try await transcriber.transcribe([Float](repeating: 0.1, count: 16000)) }
        try await Task.sleep(nanoseconds: 200_000_000)
        task.cancel()
        do {
            _ = try await task.value
            XCTFail("it was not cancelled")
        } catch { XCTAssertTrue(error is CancellationError, "\(error)") }
        XCTAssertLessThan(made.all["decoder-1s.mlpackage"]?.runs ?? 0, 100)
    }

    /// Bursts with pauses between, in pieces of a tenth of a second.
    private func speech(_ seconds: [(sound: Double, pause: Double)]) -> [[Float]] {
        var all: [Float] = []
        for (sound, pause) in seconds {
            all += (0..<Int(sound * 16000)).map { Float(sin(Double($0) * 0.3)) * 0.2 }
            all += [Float](repeating: 0.0001, count: Int(pause * 16000))
        }
        return stride(from: 0, to: all.count, by: 1600).map { Array(all[$0..<min($0 + 1600, all.count)]) }
    }

    private func listen(_ transcriber: Transcriber, _ pieces: [[Float]]) async throws -> [LiveText] {
        let sound = AsyncStream<[Float]> { continuation in
            for piece in pieces { continuation.yield(piece) }
            continuation.finish()
        }
        var texts: [LiveText] = []
        for try await text in transcriber.live(sound) { texts.append(text) }
        return texts
    }

    func testLive() async throws {
        let (transcriber, parts) = try make(length: 12)
        let texts = try await listen(transcriber, speech([(1.2, 1.5), (1.0, 3)]))
        let last = try XCTUnwrap(texts.last)
        XCTAssertEqual(last.lines.count, 2) // of the silence nothing
        XCTAssertTrue(last.isComplete)
        XCTAssertEqual(last.current, "")
        XCTAssertTrue(texts.contains { !$0.current.isEmpty && $0.lines.isEmpty })
        XCTAssertTrue(texts.dropLast().allSatisfy { !$0.isComplete })
        XCTAssertGreaterThan(parts.all.filter { $0.key.hasPrefix("verify") }.map(\.value.runs).reduce(0, +), 0)
    }

    func testALineThatDoesNotEnd() async throws {
        let (transcriber, _) = try make(length: 12)
        let texts = try await listen(transcriber, speech([(7, 0)]))
        XCTAssertGreaterThanOrEqual(texts.last!.lines.count, 4) // the longest length has two seconds
        let whole = try await listen(transcriber, [speech([(7, 0)]).flatMap { $0 }])
        XCTAssertGreaterThanOrEqual(whole.last!.lines.count, 4)
        let nothing = try await listen(transcriber, [])
        XCTAssertEqual(nothing, [LiveText(lines: [], current: "", isComplete: true)])
    }

    private func XCTAssertThrows<T>(_ body: @autoclosure () async throws -> T) async {
        do {
            _ = try await body()
            XCTFail("no error")
        } catch {}
    }
}
