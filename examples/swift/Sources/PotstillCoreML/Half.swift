// Half.swift - float16 as its bits: Swift's own type is missing on Macs with an Intel processor.

enum Half {
    /// Rounded to the nearest, ties to even, as the processors do.
    static func bits(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        let sign = UInt16(bits >> 16) & 0x8000
        let magnitude = bits & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 } // not a number
        if magnitude >= 0x477F_F000 { return sign | 0x7C00 } // rounds to infinity
        if magnitude < 0x3880_0000 { // below the smallest normal number: a multiple of 2^-24
            let scaled = Float(bitPattern: magnitude) * 16_777_216
            return sign | UInt16(scaled.rounded(.toNearestOrEven))
        }
        let rounded = magnitude + 0x0FFF + ((magnitude >> 13) & 1)
        return sign | UInt16((rounded - 0x3800_0000) >> 13)
    }

    static func value(_ bits: UInt16) -> Float {
        let sign: Float = bits & 0x8000 == 0 ? 1 : -1
        let exponent = Int(bits >> 10) & 0x1F, fraction = UInt32(bits & 0x3FF)
        switch exponent {
        case 0: return sign * Float(fraction) / 16_777_216
        case 31: return fraction == 0 ? sign * .infinity : .nan
        default: return sign * Float(bitPattern: UInt32(exponent + 112) << 23 | fraction << 13)
        }
    }
}
