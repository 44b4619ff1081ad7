// ModelIndexTests.swift - potstill.json is read, and one that lies is refused.
import Foundation
import XCTest

@testable import PotstillCoreML

final class ModelIndexTests: XCTestCase {
    func testItIsRead() throws {
        let index = try Fixture.index()
        XCTAssertEqual(index.family, .moonshine)
        XCTAssertEqual(index.lengths.map(\.samples), [16000, 32000])
        XCTAssertEqual(index.lengths[1].decoder.package, "decoder-2s.mlpackage")
        XCTAssertEqual(index.lengths[0].verifier?.tokens, 4)
        XCTAssertEqual(index.lengths[0].decoder.input("self_k")?.shape, [1, 96, 1, 224])
        XCTAssertEqual(index.tokens.max, 194)
        XCTAssertTrue(index.tokens.isEnd(2))
        XCTAssertFalse(index.tokens.isEnd(1))
    }

    func testTheShortestLengthIsChosen() throws {
        let index = try Fixture.index()
        XCTAssertEqual(try index.length(samples: 895).samples, 16000)
        XCTAssertEqual(try index.length(samples: 16000).samples, 16000)
        XCTAssertEqual(try index.length(samples: 16001).samples, 32000)
        XCTAssertThrowsError(try index.length(samples: 32001))
        XCTAssertThrowsError(try index.length(samples: 894))
    }

    func testSeveralEndTokens() throws {
        let index = try Fixture.index {
            $0["format"] = 2
            $0["tokens"] = ["start": 1, "end": 2, "ends": [2, 7], "max": 194]
        }
        XCTAssertEqual((0..<10).filter(index.tokens.isEnd), [2, 7])
    }

    /// What converts today is read today, when scripts/swift.sh says where it is.
    func testFoldersThatWereConvertedNow() throws {
        let folders = ProcessInfo.processInfo.environment["POTSTILL_CONVERTED"] ?? ""
        try XCTSkipIf(folders.isEmpty, "POTSTILL_CONVERTED names no folders")
        for folder in folders.split(separator: ":") {
            let url = URL(fileURLWithPath: String(folder))
            let index = try ModelIndex(folder: url)
            XCTAssertFalse(index.files.isEmpty)
            _ = try Tokenizer(contentsOf: url.appendingPathComponent("tokenizer.json"))
        }
    }

    func testLies() throws {
        func length(_ root: inout [String: Any], _ change: (inout [String: Any]) -> Void) {
            var lengths = root["lengths"] as! [[String: Any]]
            change(&lengths[0])
            root["lengths"] = lengths
        }
        let lies: [(String, (inout [String: Any]) -> Void)] = [
            ("format 3 is not known here", { $0["format"] = 3 }),
            ("layout stream is not for this library", { $0["layout"] = "stream" }),
            ("sample_rate 8000", { $0["sample_rate"] = 8000 }),
            ("there are no lengths", { $0["lengths"] = [Any]() }),
            ("the sizes of the decoder", { $0["slots"] = 1 }),
            ("a token is not below 328", { $0["tokens"] = ["start": 1, "end": 328, "max": 194] }),
            ("its frames do not fit", { length(&$0) { $0["frames"] = 7 } }),
            ("its memory is too short", { length(&$0) { $0["memory"] = 8 } }),
            ("ascending", { length(&$0) { $0["samples"] = 64000; $0["frames1"] = 999; $0["frames"] = 165; $0["memory"] = 192 } }),
            ("its verifier does not fit", { $0["state"] = true }),
            ("is not a name", { length(&$0) { var part = $0["encoder"] as! [String: Any]
                part["package"] = "../encoder"
                $0["encoder"] = part } }),
            ("is not an index of packages", { $0["vocab"] = "many" }),
            ("is not an index of packages", { $0["model_type"] = "whisper" }),
        ]
        for (words, lie) in lies {
            XCTAssertThrowsError(try Fixture.index(lie), words) {
                XCTAssertTrue("\($0)".contains(words), "\($0), expected \(words)")
            }
        }
        let nowhere = URL(fileURLWithPath: "/nowhere")
        XCTAssertThrowsError(try ModelIndex(folder: nowhere)) { XCTAssertTrue("\($0)".contains("cannot be read")) }
    }
}
