//! Shapes that callers give.

use crate::error::Error;

/// The most dimensions of an array.
const MAX_RANK: usize = 2;

/// Returns the shape of an array of `count` elements.
///
/// # Errors
///
/// [`Error::Argument`] for `field` if a length is negative, there are more dimensions than a kernel takes, or the
/// shape is that of another number of elements.
pub fn checked_shape<D>(field: &str, shape: &[D], count: usize) -> Result<Vec<usize>, Error>
where
    D: Copy + std::fmt::Debug,
    usize: TryFrom<D>,
{
    let refuse = |message: String| Error::field(field, "shape", message);
    if shape.len() > MAX_RANK {
        let message = format!(
            "an array has at most {MAX_RANK} dimensions, not {}",
            shape.len()
        );
        return Err(refuse(message));
    }
    let lengths = shape.iter().map(|length| usize::try_from(*length));
    let lengths: Result<Vec<usize>, _> = lengths.collect();
    let elements = lengths.as_ref().ok().and_then(|lengths| {
        lengths
            .iter()
            .try_fold(1_usize, |product, length| product.checked_mul(*length))
    });
    match (lengths, elements) {
        (Ok(lengths), Some(elements)) if elements == count => Ok(lengths),
        _ => Err(refuse(format!(
            "the shape {shape:?} does not have {count} elements"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_shapes_of_as_many_elements() {
        assert_eq!(checked_shape("x", &[2_i64, 3], 6), Ok(vec![2, 3]));
        assert_eq!(checked_shape("x", &[0_u64, 7], 0), Ok(vec![0, 7]));
        assert_eq!(checked_shape::<i64>("x", &[], 1), Ok(vec![]));
        for shape in [
            &[2_i64, 2][..],
            &[-2, -3],
            &[6, 1, 1],
            &[i64::MAX, i64::MAX],
        ] {
            assert!(checked_shape("x", shape, 6).is_err(), "{shape:?}");
        }
    }
}
