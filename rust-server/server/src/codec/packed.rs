//! Packed numbers: signed 64-bit integers in little-endian order, 8 bytes each.

use bytes::Bytes;

use crate::error::Error;

/// Bytes of one number.
pub const WIDTH: usize = 8;

/// Unpacks numbers.
///
/// # Errors
///
/// [`Error::Argument`] for `field` if the length is no multiple of 8.
pub fn unpack(field: &str, packed: &Bytes) -> Result<Vec<i64>, Error> {
    // The bytes are a slice of a receive buffer, at any alignment: they cannot be cast.
    let (numbers, rest) = packed.as_chunks::<WIDTH>();
    if !rest.is_empty() {
        let message = format!(
            "the length must be a multiple of 8 bytes, not {}",
            packed.len()
        );
        return Err(Error::field(field, "bytes_length", message));
    }
    Ok(numbers.iter().copied().map(i64::from_le_bytes).collect())
}

/// Packs numbers.
pub fn pack(numbers: &[i64]) -> Bytes {
    let mut packed = Vec::with_capacity(numbers.len() * WIDTH);
    for number in numbers {
        packed.extend_from_slice(&number.to_le_bytes());
    }
    packed.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn is_little_endian() {
        assert_eq!(
            pack(&[1, -2])[..],
            [
                1, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255, 255, 255, 255, 255
            ]
        );
    }

    #[test]
    fn refuses_a_partial_number() {
        let refused = unpack("packed_numbers", &Bytes::from_static(&[0; 9]));
        assert!(matches!(refused, Err(Error::Argument { field, .. }) if field == "packed_numbers"));
    }

    proptest! {
        #[test]
        fn gives_back_what_was_packed(numbers: Vec<i64>, offset in 0_usize..8) {
            // At every alignment, as in a receive buffer.
            let mut buffer = vec![0; offset];
            buffer.extend_from_slice(&pack(&numbers));
            let packed = Bytes::from(buffer).slice(offset..);
            prop_assert_eq!(unpack("x", &packed), Ok(numbers));
        }
    }
}
