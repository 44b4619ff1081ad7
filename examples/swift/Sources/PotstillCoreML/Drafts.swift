// Drafts.swift - guesses of how a text goes on, which a verifier tries several at a time.
//
// A guess is never part of the text by itself: it is kept only where the model would have chosen it. So a bad one costs
// time and nothing else.

struct Drafts {
    /// Texts that may be said: what a growing clip had the last time first, phrases after it. With their start tokens.
    var texts: [[Int]] = []

    /// Longer matches are not better guesses.
    private static let longest = 8

    /// How many tokens before `at` of `other` are the last of `text`.
    private static func match(_ other: [Int], _ at: Int, _ text: [Int]) -> Int {
        var same = 0
        while same < longest, same < at, same < text.count, other[at - 1 - same] == text[text.count - 1 - same] {
            same += 1
        }
        return same
    }

    /// Up to `most` tokens that may follow `text`: what stands behind the longest match, the more the longer it is.
    func propose(after text: [Int], most: Int, isEnd: (Int) -> Bool) -> [Int] {
        var best: (rank: Int, away: Int, source: [Int], at: Int) = (0, 0, [], 0)
        for other in texts where other.count > 1 {
            let earlier = other[0] == text[0]
            for at in 1..<other.count {
                let away = abs(at - text.count)
                var rank = 2 * Drafts.match(other, at, text)
                if earlier, away == 0 { // as deep in what may be the same text as it was heard before
                    rank = other.starts(with: text) ? 2 * Drafts.longest + 2 : rank + 1
                }
                if rank > best.rank || (rank > 0 && rank == best.rank && other == best.source && away < best.away) {
                    best = (rank, away, other, at)
                }
            }
        }
        for at in stride(from: text.count - 1, to: 1, by: -1) { // what was said may be said again
            let rank = 2 * Drafts.match(text, at, text)
            if rank > 2, rank > best.rank { best = (rank, 0, text, at) }
        }
        guard best.rank > 0 else { return [] }
        let following = best.source[best.at...].prefix(min(most, best.rank + 1))
        return Array(following.prefix { !isEnd($0) })
    }
}
