//! Reads one number, as JSON writes it.

/// Eight digits `0`, and the highest bit of eight bytes.
const ZEROS: u64 = 0x3030_3030_3030_3030;
const HIGH: u64 = 0x8080_8080_8080_8080;
/// What makes the sum of a byte with it exceed 127 if the byte is over 9.
const OVER_NINE: u64 = 0x7676_7676_7676_7676;
/// Digits that are looked at together.
const DIGITS: usize = 16;
/// Bytes that hold a sign and so many digits.
const WINDOW: usize = DIGITS + 1;

/// A type of number that a list may have.
pub(super) trait Number: Copy + Send {
    /// Returns the number that a text begins with, and its length; nothing if it needs a closer look.
    fn read(text: &[u8]) -> Option<(Self, usize)>;
}

impl Number for i64 {
    #[inline(always)]
    fn read(text: &[u8]) -> Option<(Self, usize)> {
        let Some(window) = text.first_chunk() else {
            let mut window = [0; WINDOW];
            window[..text.len()].copy_from_slice(text);
            return short_integer(&window);
        };
        short_integer(window).or_else(|| long_integer(text))
    }
}

impl Number for f64 {
    fn read(text: &[u8]) -> Option<(Self, usize)> {
        let length = float_length(text)?;
        let text = str::from_utf8(&text[..length]).ok()?;
        let number: f64 = text.parse().ok()?;
        number.is_finite().then_some((number, length))
    }
}

/// Reads an integer of fewer than 16 digits without a branch for each.
///
/// The digits are those bytes before the first other byte. They are moved to the high end, so that zeros stand
/// before them, and then added up in pairs, fours and eights, all at once in the lanes of a word; see D. Lemire,
/// "Number parsing at a gigabyte per second" (2021).
#[inline(always)]
fn short_integer(window: &[u8; WINDOW]) -> Option<(i64, usize)> {
    let sign = usize::from(window[0] == b'-');
    let (low, high) = if sign == 1 {
        word(&window[1..])
    } else {
        word(&window[..DIGITS])
    };
    let (low, high) = (low ^ ZEROS, high ^ ZEROS);
    let others = u128::from(others(low)) | u128::from(others(high)) << 64;
    let count = (others.trailing_zeros() / 8) as usize;
    if count == 0 || count == DIGITS || count > 1 && window[sign] == b'0' {
        return None;
    }
    let digits = (u128::from(low) | u128::from(high) << 64) << (128 - 8 * count);
    let magnitude = eight_digits(digits as u64) * 100_000_000 + eight_digits((digits >> 64) as u64);
    let magnitude = magnitude as i64;
    let number = if sign == 1 { -magnitude } else { magnitude };
    Some((number, sign + count))
}

fn long_integer(text: &[u8]) -> Option<(i64, usize)> {
    let length = float_length(text)?;
    let text = str::from_utf8(&text[..length]).ok()?;
    Some((text.parse().ok()?, length))
}

#[inline(always)]
fn word(bytes: &[u8]) -> (u64, u64) {
    let half = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
    (half(&bytes[..8]), half(&bytes[8..DIGITS]))
}

/// Returns the high bit of each byte that is no digit, of bytes of which `0` was subtracted; bits behind the
/// first one may be wrong.
#[inline(always)]
fn others(bytes: u64) -> u64 {
    (bytes.wrapping_add(OVER_NINE) | bytes) & HIGH
}

/// Returns the number of eight digits, the first of which is in the lowest byte.
#[inline(always)]
fn eight_digits(digits: u64) -> u64 {
    const EVEN: u64 = 0x0000_00ff_0000_00ff;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let first = (pairs & EVEN).wrapping_mul(100 + (1_000_000 << 32));
    let second = ((pairs >> 16) & EVEN).wrapping_mul(1 + (10_000 << 32));
    first.wrapping_add(second) >> 32
}

/// Returns the length of the number that a text begins with; nothing if it is no number by the grammar of JSON.
fn float_length(text: &[u8]) -> Option<usize> {
    let digits = |at: usize| {
        text.get(at..).map_or(0, |rest| {
            rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
        })
    };
    let is = |at: usize, wanted: &[u8]| text.get(at).is_some_and(|byte| wanted.contains(byte));
    let mut length = usize::from(is(0, b"-"));
    let whole = digits(length);
    if whole == 0 || whole > 1 && is(length, b"0") {
        return None;
    }
    length += whole;
    if is(length, b".") {
        let fraction = digits(length + 1);
        if fraction == 0 {
            return None;
        }
        length += 1 + fraction;
    }
    if is(length, b"eE") {
        length += 1 + usize::from(is(length + 1, b"+-"));
        let exponent = digits(length);
        if exponent == 0 {
            return None;
        }
        length += exponent;
    }
    Some(length)
}
