//! ITU-T G.711: µ-law and A-law, by table, and straight from one law to the other.

use super::codec::CodecDescriptor;
use super::frame::SAMPLE_RATE;

pub static PCMU: CodecDescriptor = CodecDescriptor {
    payload_type: 0,
    name: "PCMU",
    clock_rate: SAMPLE_RATE,
    encode: |samples, payload| convert(samples, payload, encode_mu),
    decode: |payload, samples| convert(payload, samples, decode_mu),
    silence: 0xFF,
};

pub static PCMA: CodecDescriptor = CodecDescriptor {
    payload_type: 8,
    name: "PCMA",
    clock_rate: SAMPLE_RATE,
    encode: |samples, payload| convert(samples, payload, encode_a),
    decode: |payload, samples| convert(payload, samples, decode_a),
    silence: 0xD5,
};

/// Turns a µ-law payload into an A-law one, byte by byte and in place.
pub fn mu_to_a(payload: &mut [u8]) {
    payload.iter_mut().for_each(|b| *b = MU_TO_A[*b as usize]);
}

/// Turns an A-law payload into a µ-law one, byte by byte and in place.
pub fn a_to_mu(payload: &mut [u8]) {
    payload.iter_mut().for_each(|b| *b = A_TO_MU[*b as usize]);
}

pub fn encode_mu(sample: i16) -> u8 {
    MU_ENCODE[(sample >> MU_DROPPED_BITS) as u16 as usize & (MU_ENCODE.len() - 1)]
}

pub fn decode_mu(code: u8) -> i16 {
    MU_DECODE[code as usize]
}

pub fn encode_a(sample: i16) -> u8 {
    A_ENCODE[(sample >> A_DROPPED_BITS) as u16 as usize & (A_ENCODE.len() - 1)]
}

pub fn decode_a(code: u8) -> i16 {
    A_DECODE[code as usize]
}

fn convert<From: Copy, To>(from: &[From], to: &mut [To], one: fn(From) -> To) -> usize {
    for (&from, to) in from.iter().zip(to.iter_mut()) {
        *to = one(from);
    }
    from.len().min(to.len())
}

/// µ-law looks at 14 bits of a sample, A-law at 12 and the sign of the 13th: the lower bits
/// cannot change the code, so the tables are this much shorter and stay in the cache.
const MU_DROPPED_BITS: u32 = 2;
const A_DROPPED_BITS: u32 = 4;

static MU_DECODE: [i16; 256] = mu_decode_table();
static A_DECODE: [i16; 256] = a_decode_table();
static MU_ENCODE: [u8; 1 << 14] = mu_encode_table();
static A_ENCODE: [u8; 1 << 12] = a_encode_table();
static MU_TO_A: [u8; 256] = mu_to_a_table();
static A_TO_MU: [u8; 256] = a_to_mu_table();

/// G.711, table 2: segment e begins at `(33 << e) - 33` of 8159 and has 16 steps of `2 << e`.
/// Codes are sent with every bit inverted. Values here are four times the standard's.
const fn mu_expand(code: u8) -> i16 {
    let bits = !code;
    let exponent = (bits >> 4) & 0x07;
    let mantissa = (bits & 0x0F) as i16;
    let magnitude = (((mantissa << 1) + 33) << exponent) - 33;
    let scaled = magnitude << MU_DROPPED_BITS;
    if bits & 0x80 != 0 { -scaled } else { scaled }
}

/// `sample` in the standard's 14 bits. A negative one is folded by its complement, so that −1 is
/// the first value below zero.
const fn mu_compress(sample: i16) -> u8 {
    let (magnitude, sign) = if sample < 0 {
        (!sample, 0x80)
    } else {
        (sample, 0)
    };
    let biased = if magnitude + 33 > 0x1FFF {
        0x1FFF
    } else {
        (magnitude + 33) as u16
    };
    let exponent = (biased.ilog2() - 5) as u16;
    let mantissa = (biased >> (exponent + 1)) & 0x0F;
    !(sign | (exponent << 4) as u8 | mantissa as u8)
}

/// G.711, table 1: 16 even steps of 2 up to 32 of 4096, then each segment doubles. Codes are sent
/// with every other bit inverted. Values here are eight times the standard's.
const fn a_expand(code: u8) -> i16 {
    let bits = code ^ 0x55;
    let exponent = (bits >> 4) & 0x07;
    let mantissa = (bits & 0x0F) as i16;
    let scaled = if exponent == 0 {
        (mantissa << 4) + 8
    } else {
        ((mantissa << 4) + 0x108) << (exponent - 1)
    };
    if bits & 0x80 != 0 { scaled } else { -scaled }
}

/// `sample` in 12 bits, folded as in [`mu_compress`].
const fn a_compress(sample: i16) -> u8 {
    let (magnitude, sign) = if sample < 0 {
        (!sample as u16, 0)
    } else {
        (sample as u16, 0x80)
    };
    let bits = if magnitude < 32 {
        magnitude
    } else {
        let exponent = magnitude.ilog2() as u16 - 3;
        (exponent << 4) | ((magnitude >> (exponent - 1)) & 0x0F)
    };
    (sign | bits as u8) ^ 0x55
}

const fn mu_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < table.len() {
        table[code] = mu_expand(code as u8);
        code += 1;
    }
    table
}

const fn a_decode_table() -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < table.len() {
        table[code] = a_expand(code as u8);
        code += 1;
    }
    table
}

/// The index is the sample's upper 14 bits, two's complement.
const fn mu_encode_table() -> [u8; 1 << 14] {
    let mut table = [0; 1 << 14];
    let mut index = 0;
    while index < table.len() {
        let sample = ((index << MU_DROPPED_BITS) as u16 as i16) >> MU_DROPPED_BITS;
        table[index] = mu_compress(sample);
        index += 1;
    }
    table
}

/// The index is the sample's upper 12 bits, two's complement.
const fn a_encode_table() -> [u8; 1 << 12] {
    let mut table = [0; 1 << 12];
    let mut index = 0;
    while index < table.len() {
        let sample = ((index << A_DROPPED_BITS) as u16 as i16) >> A_DROPPED_BITS;
        table[index] = a_compress(sample);
        index += 1;
    }
    table
}

const fn mu_to_a_table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < table.len() {
        table[code] = a_compress(mu_expand(code as u8) >> A_DROPPED_BITS);
        code += 1;
    }
    table
}

const fn a_to_mu_table() -> [u8; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < table.len() {
        table[code] = mu_compress(a_expand(code as u8) >> MU_DROPPED_BITS);
        code += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G.711 table 2a: the character signal sent, and the value decoded (of 8159).
    #[test]
    fn mu_law_has_the_values_of_the_standard() {
        let table = [
            (0x80, 8031),
            (0x8F, 4191),
            (0x9F, 2079),
            (0xAF, 1023),
            (0xBF, 495),
            (0xCF, 231),
            (0xDF, 99),
            (0xEF, 33),
            (0xFE, 2),
            (0xFF, 0),
        ];
        for (code, value) in table {
            assert_eq!(decode_mu(code), value * 4, "{code:#x}");
            assert_eq!(decode_mu(code & 0x7F), -value * 4, "negative {code:#x}");
        }
    }

    /// G.711 table 1a: the character signal before every other bit is inverted, and the value
    /// decoded (of 4096).
    #[test]
    fn a_law_has_the_values_of_the_standard() {
        let table = [
            (0xFF, 4032),
            (0xF0, 2112),
            (0xE0, 1056),
            (0xD0, 528),
            (0xC0, 264),
            (0xB0, 132),
            (0xA0, 66),
            (0x90, 33),
            (0x80, 1),
        ];
        for (character, value) in table {
            let code = character ^ 0x55;
            assert_eq!(decode_a(code), value * 8, "{character:#x}");
            assert_eq!(decode_a(code ^ 0x80), -value * 8, "negative {character:#x}");
        }
    }

    /// Decision values (tables 1a and 2a): the lowest magnitude that still has this segment.
    #[test]
    fn segments_begin_where_the_standard_says() {
        for (start, code) in [
            (4063, 0x8F),
            (2015, 0x9F),
            (991, 0xAF),
            (479, 0xBF),
            (223, 0xCF),
            (95, 0xDF),
            (31, 0xEF),
            (1, 0xFE),
        ] {
            assert_eq!(encode_mu(start * 4), code, "{start}");
            assert_ne!(encode_mu((start - 1) * 4), code, "below {start}");
        }
        for (start, character) in [
            (2048, 0xF0),
            (1024, 0xE0),
            (512, 0xD0),
            (64, 0xA0),
            (32, 0x90),
        ] {
            assert_eq!(encode_a(start * 8), character ^ 0x55, "{start}");
            assert_ne!(encode_a(start * 8 - 1), character ^ 0x55, "below {start}");
        }
        assert_eq!((encode_mu(i16::MAX), encode_mu(i16::MIN)), (0x80, 0x00));
        assert_eq!((encode_a(i16::MAX), encode_a(i16::MIN)), (0xAA, 0x2A));
    }

    #[test]
    fn a_decoded_code_encodes_to_itself() {
        for code in 0..=255u8 {
            assert_eq!(encode_a(decode_a(code)), code);
            // µ-law has a negative zero, which linear samples cannot express.
            let expected = if code == 0x7F { 0xFF } else { code };
            assert_eq!(encode_mu(decode_mu(code)), expected);
        }
    }

    /// Half a step at most: 1/32 of the magnitude, and of the smallest steps their own half.
    #[test]
    fn every_sample_is_coded_within_half_a_step_and_in_order() {
        let mut before = (i16::MIN, i16::MIN);
        for sample in i16::MIN..=i16::MAX {
            let decoded = (decode_mu(encode_mu(sample)), decode_a(encode_a(sample)));
            let magnitude = i32::from(sample).abs();
            let mu_error = (i32::from(decoded.0) - i32::from(sample)).abs();
            let a_error = (i32::from(decoded.1) - i32::from(sample)).abs();
            assert!(
                mu_error <= 4.max((magnitude + 132) / 32),
                "{sample}: {mu_error}"
            );
            assert!(a_error <= 8.max(magnitude / 32), "{sample}: {a_error}");
            assert!(decoded.0 >= before.0 && decoded.1 >= before.1, "{sample}");
            before = decoded;
        }
    }

    #[test]
    fn one_law_becomes_the_other_as_through_linear() {
        let mut payload: Vec<u8> = (0..=255).collect();
        mu_to_a(&mut payload);
        for code in 0..=255u8 {
            assert_eq!(payload[code as usize], encode_a(decode_mu(code)));
        }
        let mut payload: Vec<u8> = (0..=255).collect();
        a_to_mu(&mut payload);
        for code in 0..=255u8 {
            assert_eq!(payload[code as usize], encode_mu(decode_a(code)));
        }
    }

    #[test]
    fn silence_is_what_zero_encodes_to() {
        assert_eq!(encode_mu(0), PCMU.silence);
        assert_eq!(encode_a(0), PCMA.silence);
    }

    #[test]
    fn slices_of_unlike_length_convert_what_both_hold() {
        let mut payload = [0u8; 3];
        assert_eq!((PCMU.encode)(&[0; 5], &mut payload), 3);
        assert_eq!((PCMA.decode)(&[0xD5; 2], &mut [0; 5]), 2);
    }
}
