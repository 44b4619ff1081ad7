// Greedy.swift - from an encoded clip to tokens: the best token of each step.
//
// With a verifier a step takes several tokens: the last one, and guesses of those behind it. While a row gives the token
// that was guessed, the next row gives the one after. Its sums have another order, so where the best token leads by less
// than `guardLead`, the text is gone over with single tokens, and those decide: the text is that of one token a call.

struct Greedy {
    let decoder: Part
    let verifier: Part?
    let ahead: Int // tokens that the verifier takes
    let slots: Int
    let tokens: ModelIndex.Tokens
    var drafts = Drafts()

    /// Eight times the most that was seen of float16's rounding in scores.
    static let guardLead: Float = 0.125

    private(set) var text: [Int] = []
    private(set) var calls = 0
    private var alone = 0 // tokens of the text that were stepped to one by one, from the first on

    init(decoder: Part, verifier: Part?, ahead: Int, slots: Int, tokens: ModelIndex.Tokens) {
        (self.decoder, self.verifier, self.ahead) = (decoder, verifier, ahead)
        (self.slots, self.tokens) = (slots, tokens)
    }

    /// All tokens, the start token first and the one that ends the text last, if it has come to one. `heard` is told the
    /// text after each call, and may throw to end it.
    mutating func run(heard: ([Int]) throws -> Void) throws -> [Int] {
        (text, calls, alone) = ([tokens.start], 0, 0)
        var ended = false
        while !ended, text.count < tokens.max {
            ended = try step()
            try heard(text)
        }
        return text
    }

    /// The decoder for the token at `position`.
    private mutating func single(_ position: Int) throws {
        try decoder.write("input_ids", [Float(text[position])])
        try decoder.write("position", [Float(position)])
        try decoder.run()
        try decoder.keepColumns(1, at: position)
        calls += 1
    }

    private mutating func stepAlone() throws -> Best {
        for position in alone..<text.count { try single(position) }
        alone = text.count
        return try decoder.best(row: 0)
    }

    private mutating func verify(_ rows: [Int], at position: Int, by verifier: Part) throws {
        let padding = repeatElement(rows.last!, count: ahead - rows.count) // nobody looks at what that gives
        try verifier.write("input_ids", (rows + padding).map { Float($0) })
        try verifier.write("position", (0..<ahead).map { Float(position + $0) })
        try verifier.run()
        try verifier.keepColumns(rows.count, at: position)
        calls += 1
    }

    /// One call, or more where a token is in doubt; has the text ended?
    private mutating func step() throws -> Bool {
        let position = text.count - 1
        var guesses: [Int] = []
        if verifier != nil, position + ahead <= slots {
            let room = min(ahead - 1, tokens.max - text.count - 1)
            guesses = drafts.propose(after: text, most: max(0, room), isEnd: tokens.isEnd)
        }
        guard let verifier, !guesses.isEmpty else {
            // What was stepped to together stays: its columns are right to the last bits of a float16.
            try single(position)
            if alone == position { alone = text.count }
            return try add(settle(decoder.best(row: 0)).best)
        }
        try verify([text[position]] + guesses, at: position, by: verifier)
        for row in 0...guesses.count {
            let (best, certain) = try settle(verifier.best(row: row))
            if try add(best) { return true }
            if !certain || row == guesses.count || best.token != guesses[row] { break }
        }
        return false
    }

    /// A token that leads by too little is decided by single steps.
    private mutating func settle(_ best: Best) throws -> (best: Best, certain: Bool) {
        guard verifier != nil, best.lead < Greedy.guardLead, alone < text.count else { return (best, true) }
        return (try stepAlone(), false)
    }

    private mutating func add(_ best: Best) throws -> Bool {
        guard best.lead == best.lead else {
            throw PotstillError("the decoder gives no finite score at token \(text.count)")
        }
        text.append(best.token)
        return tokens.isEnd(best.token)
    }
}
