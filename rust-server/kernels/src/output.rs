//! The Rust types that the results of a kernel may have.

use crate::{
    buffer::Element,
    matrix::Matrix,
    spec::{ElementType, ResultSpec, ValueType},
    value::{Array, Scalar, Value},
};

/// A type that one result of a kernel may have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a result of a kernel",
    label = "not a type of result",
    note = "a result is one of\n  \
        Vec<T>       a vector\n  \
        Matrix<T>    a matrix\n  \
        T            a scalar\n\
        where T is one of bool, u8, i32, i64, f32, f64"
)]
pub trait Output {
    /// The type in the kernel's description.
    const VALUE_TYPE: ValueType;

    /// Returns this as a value.
    fn into_value(self) -> Value;
}

/// What a kernel gives back: one [`Output`], or a struct of several.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be what a kernel returns",
    label = "not a type of results",
    note = "a kernel returns one of\n  \
        Vec<T>       a vector\n  \
        Matrix<T>    a matrix\n  \
        T            a scalar\n  \
        a struct of these with #[derive(Outputs)]\n\
        where T is one of bool, u8, i32, i64, f32, f64; or `Result<…, KernelError>` with one of them"
)]
pub trait Outputs {
    /// The results, in order.
    const RESULTS: &'static [ResultSpec];

    /// Returns the values of the results, in order.
    fn into_values(self) -> Vec<Value>;
}

impl<T: Element> Output for Vec<T> {
    const VALUE_TYPE: ValueType = ValueType::vector(T::TYPE);

    fn into_value(self) -> Value {
        Value::vector(self)
    }
}

impl<T: Element> Output for Matrix<T> {
    const VALUE_TYPE: ValueType = ValueType::matrix(T::TYPE);

    fn into_value(self) -> Value {
        let (elements, rows, columns) = self.into_parts();
        Value::Array(Array::new(
            T::into_data(elements.into()),
            vec![rows, columns],
        ))
    }
}

macro_rules! scalars {
    ($($type:ty, $variant:ident;)*) => {$(
        impl Output for $type {
            const VALUE_TYPE: ValueType = ValueType::scalar(ElementType::$variant);

            fn into_value(self) -> Value {
                Value::Scalar(Scalar::$variant(self))
            }
        }

        single_output!([] $type);
    )*};
}

/// The one result of a kernel that has no struct for its results is named `result`.
macro_rules! single_output {
    ([$($generics:tt)*] $type:ty) => {
        impl<$($generics)*> Outputs for $type {
            const RESULTS: &'static [ResultSpec] = &[ResultSpec {
                name: "result",
                documentation: "The result.",
                value_type: <$type as Output>::VALUE_TYPE,
            }];

            fn into_values(self) -> Vec<Value> {
                vec![self.into_value()]
            }
        }
    };
}

single_output!([T: Element] Vec<T>);
single_output!([T: Element] Matrix<T>);

scalars! {
    bool, Bool;
    u8, UInt8;
    i32, Int32;
    i64, Int64;
    f32, Float32;
    f64, Float64;
}
