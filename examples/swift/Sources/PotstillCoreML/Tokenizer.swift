// Tokenizer.swift - ids to text, by the model's tokenizer.json: the way back of a BPE with byte fallback.
import Foundation

public struct Tokenizer {
    private enum Piece {
        case text([UInt8])
        case byte(UInt8)
        case special
    }

    private let pieces: [Int: Piece]

    public init(contentsOf url: URL) throws {
        guard let data = try? Data(contentsOf: url) else { throw PotstillError("\(url.path): cannot be read") }
        guard let root = Json(Array(data)), case .object(let vocab)? = root["model"]?["vocab"] else {
            throw PotstillError("\(url.path): has no model.vocab")
        }
        var pieces: [Int: Piece] = [:]
        pieces.reserveCapacity(vocab.count)
        for (word, id) in vocab {
            guard let id = id.int else { throw PotstillError("\(url.path): the id of \(word) is no number") }
            pieces[id] = Tokenizer.piece(word)
        }
        if case .array(let added)? = root["added_tokens"] {
            for token in added {
                guard let id = token["id"]?.int, let content = token["content"]?.string else {
                    throw PotstillError("\(url.path): an added token has no id or no content")
                }
                if case .bool(true)? = token["special"] {
                    pieces[id] = .special
                } else {
                    pieces[id] = Tokenizer.piece(content)
                }
            }
        }
        self.pieces = pieces
    }

    private static func piece(_ word: String) -> Piece {
        let bytes = Array(word.utf8)
        if bytes.count == 6, word.hasPrefix("<0x"), word.hasSuffix(">"),
            let byte = UInt8(String(decoding: bytes[3..<5], as: UTF8.self), radix: 16) {
            return .byte(byte)
        }
        return .text(Array(word.replacingOccurrences(of: "\u{2581}", with: " ").utf8))
    }

    /// The text of tokens; special ones and ids that are not known give nothing.
    public func text(_ ids: some Sequence<Int>) -> String {
        var out: [UInt8] = []
        var bytes: [UInt8] = [] // of byte tokens in a row
        func flush() {
            // Bytes that are no UTF-8 become a mark each.
            let valid = Array(String(decoding: bytes, as: UTF8.self).utf8) == bytes
            out += valid ? bytes : bytes.flatMap { _ in Array("\u{FFFD}".utf8) }
            bytes = []
        }
        for id in ids {
            switch pieces[id] ?? .special {
            case .byte(let byte): bytes.append(byte)
            case .text(let text):
                flush()
                out += text
            case .special: break
            }
        }
        flush()
        return String(decoding: out.first == UInt8(ascii: " ") ? out.dropFirst() : out[...], as: UTF8.self)
    }
}
