// Engine.swift - a converted model without its actor: parts by length, a clip to tokens and text.

public struct Transcript: Equatable, Sendable {
    public let text: String
    public let tokens: [Int]
    /// Runs of the decoder, and of the verifier.
    public let calls: Int
    /// The model's limit of tokens cut the text.
    public let isCut: Bool
}

final class Engine {
    let index: ModelIndex
    let tokenizer: Tokenizer
    private let load: (ModelIndex.Part) throws -> Part
    private var parts: [String: Part] = [:]

    init(index: ModelIndex, tokenizer: Tokenizer, load: @escaping (ModelIndex.Part) throws -> Part) {
        (self.index, self.tokenizer, self.load) = (index, tokenizer, load)
    }

    /// Loaded when a clip first needs it.
    private func part(_ part: ModelIndex.Part) throws -> Part {
        let key = part.package + "/" + (part.function ?? "")
        if let loaded = parts[key] { return loaded }
        let loaded = try load(part)
        parts[key] = loaded
        return loaded
    }

    private func encode(_ clip: [Float], _ length: ModelIndex.Length) throws -> (encoder: Part, frames: Int) {
        let inputs = EncoderInputs(clip, length: length, index: index)
        let encoder = try part(length.encoder)
        try encoder.write("input_values", inputs.samples)
        if let weights = inputs.frameWeights { try encoder.write("frame_weights", weights) }
        try encoder.write("key_mask", inputs.keyMask)
        try encoder.run()
        return (encoder, inputs.frames)
    }

    /// `samples` at 16 kHz, mono. `drafts` are texts that may be said, as tokens; `heard` is told the text as it grows.
    func transcribe(_ samples: [Float], drafts: [[Int]] = [], heard: (String) throws -> Void) throws -> Transcript {
        let length = try index.length(samples: samples.count)
        let (encoder, frames) = try encode(samples, length)
        let decoder = try part(length.decoder)
        let verifier = drafts.isEmpty ? nil : try length.verifier.map(part)
        let mask = row(length.memory, first: frames, of: 0, rest: index.masked)
        for each in [decoder] + (verifier.map { [$0] } ?? []) {
            try each.feed(["cross_k", "cross_v"], from: encoder)
            try each.write("cross_mask", mask)
        }
        if let verifier { try verifier.share(["self_k", "self_v"], with: decoder) }
        var search = Greedy(decoder: decoder, verifier: verifier, ahead: length.verifier?.tokens ?? 0,
                            slots: index.slots, tokens: index.tokens)
        search.drafts.texts = drafts
        let tokens = try search.run { try heard(tokenizer.text($0)) }
        return Transcript(text: tokenizer.text(tokens), tokens: tokens, calls: search.calls,
                          isCut: !index.tokens.isEnd(tokens.last!))
    }
}
