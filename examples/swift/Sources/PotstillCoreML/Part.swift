// Part.swift - a function of a package, whoever computes it: Core ML in an app, arithmetic in a test.

/// The token with the highest score of a row, and by how much it leads.
struct Best: Equatable {
    let token: Int
    let lead: Float
}

/// Inputs are kept between runs; the caller writes only what has changed. At first they are 0.
protocol Part: AnyObject {
    /// All of an input, row by row.
    func write(_ input: String, _ values: [Float]) throws
    /// Outputs of the last run of `other` become inputs of the same names.
    func feed(_ inputs: [String], from other: Part) throws
    /// These inputs are one memory with those of `other`: what one writes, both have.
    func share(_ inputs: [String], with other: Part) throws
    func run() throws
    /// By `logits` of the last run; of equals the first.
    func best(row: Int) throws -> Best
    /// The first `count` columns of new_k and new_v go into self_k and self_v, from `position` on.
    func keepColumns(_ count: Int, at position: Int) throws
}

/// The best of `count` scores; its lead is no number where a score is none.
func bestOf(_ count: Int, _ score: (Int) -> Float) -> Best {
    var best = 0, first = -Float.infinity, second = -Float.infinity, broken = false
    for i in 0..<count {
        let value = score(i)
        if value > first {
            (best, second, first) = (i, first, value)
        } else if value > second {
            second = value
        } else if value != value {
            broken = true
        }
    }
    return Best(token: best, lead: broken || !first.isFinite ? .nan : first - second)
}
