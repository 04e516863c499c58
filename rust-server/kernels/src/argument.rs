//! The Rust types that the parameters of a kernel may have.

use crate::{
    buffer::Element,
    matrix::MatrixView,
    spec::{ElementType, ValueType},
    value::{Scalar, Value},
};

/// A type that a parameter of a kernel may have.
///
/// The arguments of a call match the parameters of its kernel: `VALUE_TYPE` and `CHOICES` say what an argument
/// may be, so a value of another type is a defect of the program.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a kernel",
    label = "not a type of parameter",
    note = "a parameter is one of\n  \
        &[T] or Vec<T>          a vector\n  \
        MatrixView<'_, T>       a matrix\n  \
        T, &str or String       a scalar\n  \
        an enum with #[derive(Choice)]\n  \
        Named<'_, T> with #[arg(variadic)], the last one: any number of named vectors\n\
        where T is one of bool, u8, i32, i64, f32, f64; `cx: &Context` may come first"
)]
pub trait Argument<'a>: Sized {
    /// The type in the kernel's description.
    const VALUE_TYPE: ValueType;
    /// The strings that are allowed, if there is such a restriction.
    const CHOICES: &'static [&'static str] = &[];
    /// What the estimates of a call see of it.
    type View;

    /// Looks at the value of an argument.
    fn view(value: &'a Value) -> Self::View;

    /// Takes the value of an argument.
    fn take(value: &'a mut Value) -> Self;
}

/// Any number of vectors, with the names that the caller gave them, in the caller's order.
pub type Named<'a, T> = Vec<(&'a str, &'a [T])>;

/// Returns the type of the vectors of a variadic parameter.
pub const fn named_type<T: Element>() -> ValueType {
    ValueType::vector(T::TYPE)
}

/// Looks at the arguments of a variadic parameter.
pub fn named<T: Element>(values: &[(String, Value)]) -> Named<'_, T> {
    let named = values.iter();
    named
        .map(|(name, value)| (name.as_str(), elements(value)))
        .collect()
}

impl<'a, T: Element> Argument<'a> for &'a [T] {
    const VALUE_TYPE: ValueType = ValueType::vector(T::TYPE);
    type View = Self;

    fn view(value: &'a Value) -> Self {
        elements(value)
    }

    fn take(value: &'a mut Value) -> Self {
        elements(value)
    }
}

impl<'a, T: Element> Argument<'a> for Vec<T> {
    const VALUE_TYPE: ValueType = ValueType::vector(T::TYPE);
    type View = &'a [T];

    fn view(value: &'a Value) -> &'a [T] {
        elements(value)
    }

    fn take(value: &'a mut Value) -> Self {
        let buffer = match value {
            Value::Array(array) => T::buffer_mut(array.data_mut()),
            Value::Scalar(_) => None,
        };
        match buffer {
            Some(buffer) => buffer.take(),
            None => misfit(value),
        }
    }
}

impl<'a, T: Element> Argument<'a> for MatrixView<'a, T> {
    const VALUE_TYPE: ValueType = ValueType::matrix(T::TYPE);
    type View = Self;

    fn view(value: &'a Value) -> Self {
        match value {
            Value::Array(array) if let [rows, columns] = array.shape() => {
                MatrixView::new(elements(value), *rows, *columns)
            }
            _ => misfit(value),
        }
    }

    fn take(value: &'a mut Value) -> Self {
        Self::view(value)
    }
}

macro_rules! scalars {
    ($($type:ty, $variant:ident;)*) => {$(
        impl<'a> Argument<'a> for $type {
            const VALUE_TYPE: ValueType = ValueType::scalar(ElementType::$variant);
            type View = Self;

            fn view(value: &'a Value) -> Self {
                match value {
                    Value::Scalar(Scalar::$variant(scalar)) => scalar.clone(),
                    _ => misfit(value),
                }
            }

            fn take(value: &'a mut Value) -> Self {
                Self::view(value)
            }
        }
    )*};
}

scalars! {
    bool, Bool;
    u8, UInt8;
    i32, Int32;
    i64, Int64;
    f32, Float32;
    f64, Float64;
    String, String;
}

impl<'a> Argument<'a> for &'a str {
    const VALUE_TYPE: ValueType = ValueType::scalar(ElementType::String);
    type View = Self;

    fn view(value: &'a Value) -> Self {
        match value {
            Value::Scalar(Scalar::String(text)) => text,
            _ => misfit(value),
        }
    }

    fn take(value: &'a mut Value) -> Self {
        Self::view(value)
    }
}

fn elements<T: Element>(value: &Value) -> &[T] {
    let buffer = match value {
        Value::Array(array) => T::buffer(array.data()),
        Value::Scalar(_) => None,
    };
    match buffer {
        Some(buffer) => buffer.as_slice(),
        None => misfit(value),
    }
}

fn misfit(value: &Value) -> ! {
    unreachable!(
        "bound arguments have the types of the spec, not {:?}",
        value.value_type()
    )
}
