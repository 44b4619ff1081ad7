// Json.swift - JSON with every key of an object. Foundation's readers make dictionaries, and to Swift's strings
// differently composed characters are equal: of two such tokens of a vocabulary one would be lost.

enum Json {
    case object([(key: String, value: Json)])
    case array([Json])
    case string(String)
    case number(Double)
    case bool(Bool)
    case null

    /// nil: it is not JSON, or nested more than anyone does.
    init?(_ bytes: [UInt8]) {
        var reader = JsonReader(bytes: bytes)
        guard let value = reader.value(depth: 0), reader.isAtEnd() else { return nil }
        self = value
    }

    subscript(key: String) -> Json? {
        if case .object(let pairs) = self { return pairs.first { $0.key == key }?.value }
        return nil
    }

    var string: String? { if case .string(let text) = self { return text } else { return nil } }
    var int: Int? { if case .number(let number) = self { return Int(exactly: number) } else { return nil } }
}

private struct JsonReader {
    let bytes: [UInt8]
    var at = 0

    private mutating func skipSpaces() {
        while at < bytes.count, [9, 10, 13, 32].contains(bytes[at]) { at += 1 }
    }

    mutating func isAtEnd() -> Bool {
        skipSpaces()
        return at == bytes.count
    }

    private mutating func take(_ character: Character) -> Bool {
        skipSpaces()
        guard at < bytes.count, bytes[at] == character.asciiValue! else { return false }
        at += 1
        return true
    }

    private mutating func take(word: String) -> Bool {
        guard bytes[at...].starts(with: word.utf8) else { return false }
        at += word.utf8.count
        return true
    }

    mutating func value(depth: Int) -> Json? {
        guard depth < 64 else { return nil }
        skipSpaces()
        guard at < bytes.count else { return nil }
        switch bytes[at] {
        case UInt8(ascii: "{"): return object(depth)
        case UInt8(ascii: "["): return array(depth)
        case UInt8(ascii: "\""): return string().map { .string($0) }
        case UInt8(ascii: "t"): return take(word: "true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return take(word: "false") ? .bool(false) : nil
        case UInt8(ascii: "n"): return take(word: "null") ? .null : nil
        default: return number()
        }
    }

    private mutating func object(_ depth: Int) -> Json? {
        var pairs: [(key: String, value: Json)] = []
        guard take("{") else { return nil }
        if take("}") { return .object(pairs) }
        repeat {
            skipSpaces()
            guard let key = string(), take(":"), let value = value(depth: depth + 1) else { return nil }
            pairs.append((key, value))
        } while take(",")
        return take("}") ? .object(pairs) : nil
    }

    private mutating func array(_ depth: Int) -> Json? {
        var items: [Json] = []
        guard take("[") else { return nil }
        if take("]") { return .array(items) }
        repeat {
            guard let item = value(depth: depth + 1) else { return nil }
            items.append(item)
        } while take(",")
        return take("]") ? .array(items) : nil
    }

    private mutating func number() -> Json? {
        let start = at
        while at < bytes.count, "+-.eE0123456789".utf8.contains(bytes[at]) { at += 1 }
        return Double(String(decoding: bytes[start..<at], as: UTF8.self)).map { .number($0) }
    }

    private mutating func hex() -> UInt16? {
        guard at + 4 <= bytes.count else { return nil }
        defer { at += 4 }
        return UInt16(String(decoding: bytes[at..<(at + 4)], as: UTF8.self), radix: 16)
    }

    private mutating func string() -> String? {
        guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { return nil }
        at += 1
        var text: [UInt8] = []
        while at < bytes.count {
            let byte = bytes[at]
            at += 1
            if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
            if byte != UInt8(ascii: "\\") {
                text.append(byte)
                continue
            }
            guard let escaped = escape() else { return nil }
            text += escaped
        }
        return nil
    }

    /// What stands behind a backslash, as UTF-8.
    private mutating func escape() -> [UInt8]? {
        guard at < bytes.count else { return nil }
        let letter = bytes[at]
        at += 1
        if let control = ["b": 8, "f": 12, "n": 10, "r": 13, "t": 9][Character(UnicodeScalar(letter))] as UInt8? {
            return [control]
        }
        if letter != UInt8(ascii: "u") { return "\"\\/".utf8.contains(letter) ? [letter] : nil }
        guard let first = hex() else { return nil }
        var units = [first]
        if first & 0xFC00 == 0xD800 { // the other half of a character
            guard take(word: "\\u"), let second = hex() else { return nil }
            units.append(second)
        }
        return Array(String(decoding: units, as: UTF16.self).utf8)
    }
}
