// GreedyTests.swift - several tokens a call give the text of one token a call, with whatever guesses.
import XCTest

@testable import PotstillCoreML

final class GreedyTests: XCTestCase {
    private func run(length: Int, drafts: [[Int]]?, slots: Int = 224, max: Int = 194,
                     doubtEvery: Int = 9) throws -> Greedy {
        let tokens = try Fixture.index { $0["tokens"] = ["start": 1, "end": 2, "max": max] }.tokens
        let decoder = FakePart(length: length), verifier = FakePart(isVerifier: true, length: length)
        (decoder.doubtEvery, verifier.doubtEvery) = (doubtEvery, doubtEvery)
        try verifier.share(["self_k", "self_v"], with: decoder)
        var search = Greedy(decoder: decoder, verifier: drafts == nil ? nil : verifier, ahead: 8, slots: slots, tokens: tokens)
        search.drafts.texts = drafts ?? []
        var grown: [[Int]] = []
        let text = try search.run { grown.append($0) }
        XCTAssertEqual(text, grown.last)
        XCTAssertEqual(search.calls, decoder.runs + verifier.runs)
        for (a, b) in zip(grown, grown.dropFirst()) { XCTAssertTrue(b.starts(with: a) && b.count > a.count) }
        return search
    }

    func testTheSameTextForFewerCalls() throws {
        for length in [1, 2, 9, 40, 120] {
            let plain = try run(length: length, drafts: nil)
            XCTAssertEqual(plain.text.last, 2)
            XCTAssertEqual(plain.calls, plain.text.count - 1)
            var altered = plain.text
            if altered.count > 9 { altered[6] = 77 }
            let guesses: [[[Int]]] = [
                [plain.text], [altered], [Array(altered.prefix(5))], [[1] + Array(plain.text.dropFirst(4))],
                [Array(plain.text.dropFirst(3))], [[1, 60, 61, 62], plain.text], [[1, 2]], [[5]],
            ]
            for guess in guesses { XCTAssertEqual(try run(length: length, drafts: guess).text, plain.text, "\(guess)") }
        }
        let plain = try run(length: 120, drafts: nil, doubtEvery: 1_000_003)
        let known = try run(length: 120, drafts: [plain.text], doubtEvery: 1_000_003)
        XCTAssertEqual(known.text, plain.text)
        XCTAssertLessThanOrEqual(known.calls, 17) // 120 tokens, eight at a time
    }

    func testTheEndOfTheCacheAndOfTheText() throws {
        let plain = try run(length: 500, drafts: nil, slots: 30, max: 30)
        XCTAssertEqual(plain.text.count, 30)
        let known = try run(length: 500, drafts: [plain.text], slots: 30, max: 30)
        XCTAssertEqual(known.text, plain.text)
    }

    func testABrokenScoreIsSaid() throws {
        final class Broken: Part {
            func write(_ input: String, _ values: [Float]) throws {}
            func feed(_ inputs: [String], from other: Part) throws {}
            func share(_ inputs: [String], with other: Part) throws {}
            func run() throws {}
            func best(row: Int) throws -> Best { Best(token: 0, lead: .nan) }
            func keepColumns(_ count: Int, at position: Int) throws {}
        }
        var search = Greedy(decoder: Broken(), verifier: nil, ahead: 0, slots: 8, tokens: try Fixture.index().tokens)
        XCTAssertThrowsError(try search.run { _ in }) { XCTAssertTrue("\($0)".contains("no finite score")) }
    }

    func testProposals() {
        let isEnd = { (token: Int) in token == 2 }
        let drafts = Drafts(texts: [[1, 10, 11, 12, 13, 14, 2], [30, 31, 32, 33]])
        XCTAssertEqual(drafts.propose(after: [1], most: 7, isEnd: isEnd), [10, 11, 12, 13, 14])
        XCTAssertEqual(drafts.propose(after: [1, 10, 11], most: 2, isEnd: isEnd), [12, 13])
        XCTAssertEqual(drafts.propose(after: [1, 10, 99, 12], most: 7, isEnd: isEnd).first, 13)
        XCTAssertEqual(drafts.propose(after: [1, 50, 30, 31], most: 7, isEnd: isEnd), [32, 33])
        XCTAssertEqual(drafts.propose(after: [1, 10, 11, 12, 13, 14], most: 7, isEnd: isEnd), [])
        XCTAssertEqual(drafts.propose(after: [1, 10], most: 0, isEnd: isEnd), [])
        XCTAssertEqual(Drafts().propose(after: [1, 70, 71, 72, 70, 71], most: 7, isEnd: isEnd), [72, 70, 71])
        XCTAssertEqual(Drafts().propose(after: [1, 70, 71], most: 7, isEnd: isEnd), [])
    }
}
