// Fixture.swift - files of the tests: those beside them, and those of the repository.
import Foundation
import XCTest

@testable import PotstillCoreML

enum Fixture {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
    static let repository = folder.appendingPathComponent("../../../../..").standardizedFileURL

    static func index(_ change: (inout [String: Any]) -> Void = { _ in }) throws -> ModelIndex {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: place) }
        let data = try Data(contentsOf: folder.appendingPathComponent("potstill.json"))
        var root = try JSONSerialization.jsonObject(with: data) as! [String: Any]
        change(&root)
        try JSONSerialization.data(withJSONObject: root).write(to: place.appendingPathComponent("potstill.json"))
        return try ModelIndex(folder: place)
    }

    static func tokenizer(_ name: String) throws -> Tokenizer {
        let path = ["published": "models/moonshine-tiny/tokenizer.json", "commands": "examples/commands/tokenizer.json"]
        let url = repository.appendingPathComponent(path[name]!)
        try XCTSkipUnless(FileManager.default.fileExists(atPath: url.path), "\(url.path) is not there")
        return try Tokenizer(contentsOf: url)
    }
}

/// What stands for the keys and values of the tokens so far.
final class FakeCache {
    var columns = [Int](repeating: -1, count: 224)
}

/// A decoder that is arithmetic over the tokens it has been given, so that a column that is missing, stale or in the
/// wrong place changes the text. As a verifier it is off where it is in doubt.
final class FakePart: Part {
    var cache = FakeCache()
    var inputs: [String: [Float]] = [:]
    var histories: [[Int]] = []
    var runs = 0
    let isVerifier: Bool
    let length: Int // of texts
    var doubtEvery = 61 // tokens
    var fedFrom: Part?
    var onRun: () -> Void = {}

    init(isVerifier: Bool = false, length: Int = 40) { (self.isVerifier, self.length) = (isVerifier, length) }

    func write(_ input: String, _ values: [Float]) throws { inputs[input] = values }
    func feed(_ inputs: [String], from other: Part) throws { fedFrom = other }
    func share(_ inputs: [String], with other: Part) throws { cache = (other as! FakePart).cache }

    func run() throws {
        runs += 1
        onRun()
        guard let ids = inputs["input_ids"]?.map({ Int($0) }), let positions = inputs["position"]?.map({ Int($0) })
        else { return } // an encoder
        XCTAssertEqual(ids.count, positions.count)
        histories = ids.indices.map { Array(cache.columns[0..<positions[0]]) + Array(ids[0...$0]) }
    }

    private static func mix(_ history: [Int]) -> Int {
        history.reduce(17) { ($0 &* 31 &+ $1 &+ 7) % 1_000_003 }
    }

    func best(row: Int) throws -> Best {
        let history = histories[row]
        XCTAssertFalse(history.contains(-1), "a column that nobody has written is looked at")
        let number = FakePart.mix(history)
        let token = history.count >= length ? 2 : 10 + number % 50
        let doubtful = number % doubtEvery == 0
        if isVerifier, doubtful { return Best(token: token + 1, lead: 0.05) }
        return Best(token: token, lead: doubtful ? 0.03 : 2)
    }

    func keepColumns(_ count: Int, at position: Int) throws {
        let ids = inputs["input_ids"]!.map { Int($0) }
        for i in 0..<count { cache.columns[position + i] = ids[i] }
    }
}
