// TokenizerTests.swift - texts of Hugging Face's tokenizers library (Fixtures/texts.json), for the published model's file
// and for that of examples/commands.
import Foundation
import XCTest

@testable import PotstillCoreML

final class TokenizerTests: XCTestCase {
    private struct Case: Decodable {
        let tokenizer: String
        let ids: [Int]
        let text: String
    }

    private func compare(_ name: String) throws {
        let tokenizer = try Fixture.tokenizer(name)
        let data = try Data(contentsOf: Fixture.folder.appendingPathComponent("texts.json"))
        let cases = try JSONDecoder().decode([Case].self, from: data).filter { $0.tokenizer == name }
        XCTAssertGreaterThan(cases.count, 50)
        for one in cases { // bytes: equal strings may differ in them
            XCTAssertEqual(Array(tokenizer.text(one.ids).utf8), Array(one.text.utf8), "\(one.ids)")
        }
    }

    func testThePublishedFile() throws { try compare("published") }
    func testTheCommands() throws { try compare("commands") }

    func testJson() {
        func read(_ text: String) -> Json? { Json(Array(text.utf8)) }
        guard case .array(let all)? = read(#" {"a": [1, -2.5e1, true, null, "x\n\u00e9\ud83d\ude42"]} "#)?["a"] else {
            return XCTFail("no array")
        }
        XCTAssertEqual(all[0].int, 1)
        XCTAssertNil(all[1].string)
        XCTAssertEqual(all[4].string, "x\n\u{E9}\u{1F642}")
        guard case .array(let items)? = read(#"["\u0041\\\/\"", {}, [], false]"#) else { return XCTFail("no array") }
        XCTAssertEqual(items.count, 4)
        XCTAssertEqual(items[0].string, "A\\/\"")
        guard case .object(let pairs)? = read("{\"\u{1F71}\": 1, \"\u{3AC}\": 2}") else { return XCTFail("no object") }
        XCTAssertEqual(pairs.map(\.value.int), [1, 2]) // equal strings, two keys
        for wrong in ["", "{", "[1", "[1,]x", "{\"a\" 1}", "\"a", "\"\\q\"", "\"\\u12\"", "\"\\ud83d\"", "tru", "1 2", "-",
                      String(repeating: "[", count: 99)] {
            XCTAssertNil(read(wrong), wrong)
        }
    }

    func testWhatIsNoTokenizer() throws {
        let url = Fixture.folder.appendingPathComponent("potstill.json")
        XCTAssertThrowsError(try Tokenizer(contentsOf: url)) { XCTAssertTrue("\($0)".contains("model.vocab")) }
        XCTAssertThrowsError(try Tokenizer(contentsOf: Fixture.folder.appendingPathComponent("nothing.json")))
    }
}
