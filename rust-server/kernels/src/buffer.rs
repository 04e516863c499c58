//! The elements of an array: owned by a vector, or a slice of the bytes they arrived in.

use bytemuck::{CheckedBitPattern, NoUninit};
use bytes::Bytes;
use thiserror::Error;

use crate::{spec::ElementType, value::Data};

#[cfg(target_endian = "big")]
compile_error!("arrays travel in little-endian order and are read in place");

/// A type that the elements of an array may have: bool, u8, i32, i64, f32 or f64.
#[diagnostic::on_unimplemented(
    message = "the elements of an array cannot be `{Self}`",
    note = "elements are one of bool, u8, i32, i64, f32 and f64"
)]
pub trait Element:
    NoUninit + CheckedBitPattern + PartialEq + PartialOrd + Default + Send + Sync + std::fmt::Debug
{
    /// The type in a kernel's description.
    const TYPE: ElementType;

    /// Returns these elements as data of any type.
    fn into_data(buffer: Buffer<Self>) -> Data;

    /// Returns the elements of `data`, if they have this type.
    fn buffer(data: &Data) -> Option<&Buffer<Self>>;

    /// Returns the elements of `data`, if they have this type, for good.
    fn buffer_mut(data: &mut Data) -> Option<&mut Buffer<Self>>;
}

/// The elements of an array.
#[derive(Clone, Debug)]
pub enum Buffer<T> {
    /// In a vector.
    Owned(Vec<T>),
    /// In the bytes they arrived in, which are aligned for `T`; not for bool.
    Shared(Bytes),
}

/// Bytes that are no elements of a type.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BytesFault {
    /// They do not divide into elements.
    #[error("the length must be a multiple of {width} bytes, not {length}")]
    Length {
        /// Bytes of one element.
        width: usize,
        /// The length in bytes.
        length: usize,
    },
    /// A boolean is neither 0 nor 1.
    #[error("a boolean must be 0 or 1")]
    Boolean,
}

// === impl Buffer ===

impl<T: Element> Buffer<T> {
    /// Reads packed little-endian elements: in place if the bytes are aligned, else by a copy.
    ///
    /// # Errors
    ///
    /// [`BytesFault`] if they are no whole number of elements, or a boolean is neither 0 nor 1.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, BytesFault> {
        let (width, length) = (size_of::<T>(), bytes.len());
        if !length.is_multiple_of(width) {
            return Err(BytesFault::Length { width, length });
        }
        // To look at a boolean as one, each byte must be checked, so that is done once.
        if T::TYPE != ElementType::Bool
            && bytemuck::checked::try_cast_slice::<u8, T>(&bytes).is_ok()
        {
            return Ok(Self::Shared(bytes));
        }
        let mut elements = vec![T::default(); length / width];
        if T::TYPE == ElementType::Bool {
            let checked = bytemuck::checked::try_cast_slice::<u8, T>(&bytes);
            elements.copy_from_slice(checked.map_err(|_| BytesFault::Boolean)?);
        } else {
            for (element, bytes) in elements.iter_mut().zip(bytes.chunks_exact(width)) {
                *element = bytemuck::checked::pod_read_unaligned(bytes);
            }
        }
        Ok(Self::Owned(elements))
    }

    /// Returns the elements.
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::Owned(elements) => elements,
            Self::Shared(bytes) => bytemuck::checked::cast_slice(bytes),
        }
    }

    /// Takes the elements out; copies them if they are shared.
    pub fn take(&mut self) -> Vec<T> {
        match self {
            Self::Owned(elements) => std::mem::take(elements),
            Self::Shared(_) => self.as_slice().to_vec(),
        }
    }

    /// Returns the elements as packed little-endian bytes, without a copy.
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Owned(elements) if elements.is_empty() => Bytes::new(),
            Self::Owned(elements) => Bytes::from_owner(Packed(elements)),
            Self::Shared(bytes) => bytes,
        }
    }
}

impl<T> From<Vec<T>> for Buffer<T> {
    fn from(elements: Vec<T>) -> Self {
        Self::Owned(elements)
    }
}

impl<T: Element> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

/// A vector that is looked at as bytes.
struct Packed<T>(Vec<T>);

impl<T: NoUninit> AsRef<[u8]> for Packed<T> {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

macro_rules! elements {
    ($($type:ty, $variant:ident;)*) => {$(
        impl Element for $type {
            const TYPE: ElementType = ElementType::$variant;

            fn into_data(buffer: Buffer<Self>) -> Data {
                Data::$variant(buffer)
            }

            fn buffer(data: &Data) -> Option<&Buffer<Self>> {
                match data {
                    Data::$variant(buffer) => Some(buffer),
                    _ => None,
                }
            }

            fn buffer_mut(data: &mut Data) -> Option<&mut Buffer<Self>> {
                match data {
                    Data::$variant(buffer) => Some(buffer),
                    _ => None,
                }
            }
        }
    )*};
}

elements! {
    bool, Bool;
    u8, UInt8;
    i32, Int32;
    i64, Int64;
    f32, Float32;
    f64, Float64;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn is_little_endian() {
        let bytes = Buffer::Owned(vec![1_i64, -2]).into_bytes();
        assert_eq!(
            bytes[..],
            [
                1, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255, 255, 255, 255, 255
            ]
        );
    }

    #[test]
    fn refuses_partial_elements_and_strange_booleans() {
        let nine = Bytes::from_static(&[0; 9]);
        let fault = BytesFault::Length {
            width: 8,
            length: 9,
        };
        assert_eq!(Buffer::<f64>::from_bytes(nine), Err(fault));
        let two = Bytes::from_static(&[0, 1, 2]);
        assert_eq!(Buffer::<bool>::from_bytes(two), Err(BytesFault::Boolean));
    }

    #[test]
    fn reads_aligned_bytes_in_place() {
        let bytes = Buffer::Owned(vec![1.5_f64, 2.5]).into_bytes();
        let address = bytes.as_ptr();
        let shared = Buffer::<f64>::from_bytes(bytes).expect("whole elements");
        assert!(matches!(shared, Buffer::Shared(_)));
        assert_eq!(shared.as_slice(), [1.5, 2.5]);
        assert_eq!(shared.into_bytes().as_ptr(), address);
    }

    proptest! {
        #[test]
        fn gives_back_what_was_packed(numbers: Vec<i64>, booleans: Vec<bool>, offset in 0_usize..8) {
            // At every alignment, as in a receive buffer.
            let shifted = |packed: Bytes| {
                let mut buffer = vec![0; offset];
                buffer.extend_from_slice(&packed);
                Bytes::from(buffer).slice(offset..)
            };
            let bytes = shifted(Buffer::Owned(numbers.clone()).into_bytes());
            prop_assert_eq!(Buffer::from_bytes(bytes), Ok(Buffer::Owned(numbers)));
            let bytes = shifted(Buffer::Owned(booleans.clone()).into_bytes());
            prop_assert_eq!(Buffer::from_bytes(bytes), Ok(Buffer::Owned(booleans)));
        }
    }
}
