// ModelIndex.swift - potstill.json: which packages there are, and how to feed them. docs/COREML.md has its keys.
import Foundation

/// What is wrong with a folder or a clip, in words for a person.
public struct PotstillError: Error, CustomStringConvertible, Equatable {
    public let description: String
    init(_ description: String) { self.description = description }
}

public struct ModelIndex: Decodable {
    public struct Feature: Decodable {
        public let name, dtype: String
        public let shape: [Int]
    }

    /// A function of a package; `function` nil: its only one.
    public struct Part: Decodable {
        public let package: String
        public let function: String?
        public let inputs, outputs: [Feature]
        public let states: [Feature]?
        public let tokens: Int? // of a verifier: how many it takes

        func input(_ name: String) -> Feature? { inputs.first { $0.name == name } }
    }

    public struct Length: Decodable {
        public let samples, frames1, frames, memory: Int
        public let encoder, decoder: Part
        public let verifier: Part?
    }

    public struct Tokens: Decodable {
        public let start, end, max: Int
        public let ends: [Int]?

        func isEnd(_ token: Int) -> Bool { ends?.contains(token) ?? (token == end) }
    }

    public enum Family: String, Decodable {
        case moonshine, streaming = "moonshine_streaming"
    }

    public let format: Int
    public let layout: String
    public let family: Family
    public let sampleRate: Int
    public let doNormalize, state: Bool
    public let tokens: Tokens
    public let vocab, slots: Int
    public let masked: Float
    public let lengths: [Length]
    public let files: [String: String]

    enum CodingKeys: String, CodingKey {
        case format, layout, state, tokens, vocab, slots, masked, lengths, files
        case family = "model_type", sampleRate = "sample_rate", doNormalize = "do_normalize"
    }

    public init(from decoder: Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        format = try values.decode(Int.self, forKey: .format)
        layout = try values.decode(String.self, forKey: .layout)
        // Indices of before there was a second family do not say it.
        family = try values.decodeIfPresent(Family.self, forKey: .family) ?? .moonshine
        sampleRate = try values.decode(Int.self, forKey: .sampleRate)
        doNormalize = try values.decode(Bool.self, forKey: .doNormalize)
        state = try values.decode(Bool.self, forKey: .state)
        tokens = try values.decode(Tokens.self, forKey: .tokens)
        vocab = try values.decode(Int.self, forKey: .vocab)
        slots = try values.decode(Int.self, forKey: .slots)
        masked = try values.decode(Float.self, forKey: .masked)
        lengths = try values.decode([Length].self, forKey: .lengths)
        files = try values.decodeIfPresent([String: String].self, forKey: .files) ?? [:]
    }

    /// Reads FOLDER/potstill.json and refuses what this library cannot run.
    public init(folder: URL) throws {
        let url = folder.appendingPathComponent("potstill.json")
        guard let data = try? Data(contentsOf: url) else {
            throw PotstillError("\(url.path): cannot be read (is this a folder that potstill convert made?)")
        }
        do {
            self = try JSONDecoder().decode(ModelIndex.self, from: data)
        } catch {
            throw PotstillError("\(url.path): is not an index of packages: \(error)")
        }
        if let wrong = problem() { throw PotstillError("\(url.path): \(wrong)") }
    }

    private func problem() -> String? {
        if format < 1 || format > 2 { return "format \(format) is not known here (1 and 2 are)" }
        if layout != "split" { return "layout \(layout) is not for this library (split is)" }
        if sampleRate != 16000 { return "sample_rate \(sampleRate), expected 16000" }
        if lengths.isEmpty { return "there are no lengths" }
        if vocab < 1 || tokens.max < 2 || tokens.max > slots { return "the sizes of the decoder do not fit" }
        let named = [tokens.start, tokens.end] + (tokens.ends ?? [])
        if !named.allSatisfy({ (0..<vocab).contains($0) }) { return "a token is not below \(vocab)" }
        var before = 0
        for length in lengths {
            if length.samples <= before { return "lengths are not in ascending order" }
            before = length.samples
            if let wrong = problem(of: length) { return "the length of \(length.samples) samples: \(wrong)" }
        }
        return nil
    }

    private func problem(of length: Length) -> String? {
        let extent = ClipExtent(samples: length.samples, family: family)
        if extent.frames1 != length.frames1 || extent.frames != length.frames { return "its frames do not fit" }
        if length.memory < length.frames { return "its memory is too short" }
        for part in [length.encoder, length.decoder] + (length.verifier.map { [$0] } ?? []) {
            let name = part.package
            if name.isEmpty || name.hasPrefix(".") || name.contains("/") { return "package \"\(name)\" is not a name" }
        }
        let sizes = (length.encoder.inputs + length.decoder.inputs).flatMap(\.shape)
        if !sizes.allSatisfy({ (1...(1 << 28)).contains($0) }) { return "a shape is not of this world" }
        if !length.decoder.outputs.contains(where: { $0.name == "logits" }) { return "its decoder gives no logits" }
        if let verifier = length.verifier, !(2...slots).contains(verifier.tokens ?? 0) || state {
            return "its verifier does not fit"
        }
        return nil
    }

    /// The shortest length that the clip fits into.
    public func length(samples: Int) throws -> Length {
        guard samples >= ClipExtent.shortest(family) else {
            throw PotstillError("a clip of \(samples) samples is too short")
        }
        guard let length = lengths.first(where: { $0.samples >= samples }) else {
            throw PotstillError("a clip of \(samples) samples, the longest length has \(lengths.last!.samples)")
        }
        return length
    }
}
