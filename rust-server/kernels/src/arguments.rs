//! Arguments that match the parameters of a kernel.

use std::borrow::Cow;

use crate::{
    convert::convert,
    error::{ArgumentError, ArgumentFault},
    names::nearest,
    spec::{KernelSpec, Literal, Parameter},
    value::{Data, Scalar, Value},
};

/// The most values of a variadic parameter.
pub const MOST_NAMED: usize = 1024;

/// The arguments of one call: one value for each parameter, of its type and in its range.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    values: Vec<Value>,
    named: Vec<(String, Value)>,
}

// === impl Arguments ===

impl Arguments {
    /// Matches named values to the parameters of a kernel, converts them to their types where that loses
    /// nothing, and fills in defaults.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`] for the first parameter whose argument is missing, of another type or out
    /// of range, else for the first value that is unknown or given more than once.
    pub fn bind<N: AsRef<str>>(
        spec: &KernelSpec,
        given: impl IntoIterator<Item = (N, Value)>,
    ) -> Result<Self, ArgumentError> {
        let fixed = spec.parameters.iter().filter(|p| !p.variadic);
        let mut slots: Vec<Option<Value>> = fixed.clone().map(|_| None).collect();
        let mut named: Vec<(String, Value)> = vec![];
        let mut misplaced = None;
        for (name, value) in given {
            let name = name.as_ref();
            let fault = match spec
                .parameter(name)
                .map(|(position, _)| &mut slots[position])
            {
                Some(slot @ None) => {
                    *slot = Some(value);
                    continue;
                }
                Some(Some(_)) => ArgumentFault::Repeated,
                // Looking for the nearest names takes time: once is enough.
                None if misplaced.is_some() && spec.variadic().is_none() => continue,
                None if spec.variadic().is_none() => unknown(spec, name),
                None if named.len() == MOST_NAMED => ArgumentFault::TooMany { most: MOST_NAMED },
                None if named.iter().any(|(earlier, _)| earlier == name) => ArgumentFault::Repeated,
                None => {
                    named.push((name.to_owned(), value));
                    continue;
                }
            };
            misplaced.get_or_insert_with(|| fault.at(name.to_owned()));
        }
        let values = fixed
            .zip(slots)
            .map(|(parameter, value)| match value {
                Some(value) => accept(parameter, parameter.name.into(), value),
                None => default(parameter),
            })
            .collect::<Result<_, _>>()?;
        let accepted = named.into_iter().map(|(name, value)| {
            let parameter = spec
                .variadic()
                .expect("only variadic arguments have other names");
            let value = accept(parameter, name.clone().into(), value)?;
            Ok((name, value))
        });
        let named = accepted.collect::<Result<_, ArgumentError>>()?;
        match misplaced {
            Some(error) => Err(error),
            None => Ok(Self { values, named }),
        }
    }

    /// Returns the values, in the order of the parameters that are not variadic.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Returns the values of the variadic parameter, with their names.
    pub fn named(&self) -> &[(String, Value)] {
        &self.named
    }

    /// Returns the values as an array of a known length, to be taken, and those of the variadic parameter.
    ///
    /// # Panics
    ///
    /// Panics if the kernel's spec has another number of parameters, which is a defect of the kernel.
    pub fn parts_mut<const N: usize>(&mut self) -> (&mut [Value; N], &[(String, Value)]) {
        let values = self.values.as_mut_slice().try_into();
        let values = values.expect("a kernel takes as many values as its spec has parameters");
        (values, &self.named)
    }

    /// Returns the number of elements of all arguments.
    pub fn element_count(&self) -> usize {
        self.all().map(Value::element_count).sum()
    }

    /// Returns the bytes that the elements of all arguments take.
    pub fn byte_count(&self) -> usize {
        self.all().map(Value::byte_count).sum()
    }

    /// Returns the parameter whose argument is the largest.
    pub fn largest(&self, spec: &KernelSpec) -> Option<&'static str> {
        // Of equals the first.
        let given = spec.parameters.iter().zip(&self.values).rev();
        let largest = given.max_by_key(|(_, value)| value.byte_count());
        largest.map(|(parameter, _)| parameter.name)
    }

    fn all(&self) -> impl Iterator<Item = &Value> {
        let named = self.named.iter().map(|(_, value)| value);
        self.values.iter().chain(named)
    }
}

/// Returns the fault of an argument that the kernel has no parameter for.
pub fn unknown(spec: &KernelSpec, name: &str) -> ArgumentFault {
    let known: Vec<_> = spec.parameters.iter().map(|p| p.name).collect();
    ArgumentFault::Unknown {
        nearest: nearest(name, known.iter().copied()),
        known,
    }
}

fn default(parameter: &Parameter) -> Result<Value, ArgumentError> {
    match parameter.default {
        None => Err(ArgumentFault::Missing.at(parameter.name)),
        Some(literal) => convert(parameter, parameter.name, Value::Scalar(literal.into())),
    }
}

fn accept(
    parameter: &Parameter,
    path: Cow<'static, str>,
    value: Value,
) -> Result<Value, ArgumentError> {
    let value = convert(parameter, &path, value)?;
    let check = Range {
        minimum: parameter.minimum,
        maximum: parameter.maximum,
    };
    match &value {
        Value::Scalar(scalar) => check
            .scalar(scalar, parameter.choices)
            .map_err(|f| f.at(path))?,
        Value::Array(array) if check.is_bounded() => check
            .elements(array.data())
            .map_err(|(index, fault)| fault.at(format!("{path}[{index}]")))?,
        Value::Array(_) => {}
    }
    Ok(value)
}

/// The least and the greatest value that are allowed.
#[derive(Clone, Copy)]
struct Range {
    minimum: Option<Literal>,
    maximum: Option<Literal>,
}

// === impl Range ===

impl Range {
    fn is_bounded(self) -> bool {
        self.minimum.is_some() || self.maximum.is_some()
    }

    fn scalar(
        self,
        scalar: &Scalar,
        choices: &'static [&'static str],
    ) -> Result<(), ArgumentFault> {
        match scalar {
            Scalar::Bool(_) => Ok(()),
            Scalar::UInt8(number) => self.integer((*number).into()),
            Scalar::Int32(number) => self.integer((*number).into()),
            Scalar::Int64(number) => self.integer(*number),
            Scalar::Float32(number) => self.float((*number).into()),
            Scalar::Float64(number) => self.float(*number),
            Scalar::String(text) if choices.is_empty() || choices.contains(&text.as_str()) => {
                Ok(())
            }
            Scalar::String(_) => Err(ArgumentFault::NoChoice { choices }),
        }
    }

    fn elements(self, data: &Data) -> Result<(), (usize, ArgumentFault)> {
        fn each<T: Copy>(
            elements: &[T],
            check: impl Fn(T) -> Result<(), ArgumentFault>,
        ) -> Result<(), (usize, ArgumentFault)> {
            let mut indexed = elements.iter().enumerate();
            indexed.try_for_each(|(index, element)| check(*element).map_err(|fault| (index, fault)))
        }
        match data {
            Data::Bool(_) => Ok(()),
            Data::UInt8(x) => each(x.as_slice(), |x| self.integer(x.into())),
            Data::Int32(x) => each(x.as_slice(), |x| self.integer(x.into())),
            Data::Int64(x) => each(x.as_slice(), |x| self.integer(x)),
            Data::Float32(x) => each(x.as_slice(), |x| self.float(x.into())),
            Data::Float64(x) => each(x.as_slice(), |x| self.float(x)),
        }
    }

    fn integer(self, number: i64) -> Result<(), ArgumentFault> {
        match (self.minimum, self.maximum) {
            (Some(minimum @ Literal::Int(least)), _) if number < least => {
                Err(ArgumentFault::TooSmall { minimum })
            }
            (_, Some(maximum @ Literal::Int(greatest))) if number > greatest => {
                Err(ArgumentFault::TooLarge { maximum })
            }
            _ => Ok(()),
        }
    }

    fn float(self, number: f64) -> Result<(), ArgumentFault> {
        match (self.minimum, self.maximum) {
            // Whoever bounds a number wants one.
            _ if self.is_bounded() && number.is_nan() => Err(ArgumentFault::NotFinite),
            (Some(minimum @ Literal::Float(least)), _) if number < least => {
                Err(ArgumentFault::TooSmall { minimum })
            }
            (_, Some(maximum @ Literal::Float(greatest))) if number > greatest => {
                Err(ArgumentFault::TooLarge { maximum })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ElementType, ValueType};

    const PARAMETER: Parameter = Parameter {
        name: "x",
        documentation: "Numbers from 0.",
        value_type: ValueType::vector(ElementType::Int64),
        choices: &[],
        default: None,
        minimum: Some(Literal::Int(0)),
        maximum: None,
        variadic: false,
    };
    const SPEC: KernelSpec = KernelSpec {
        name: "example",
        documentation: "An example.",
        example: "",
        parameters: &[
            PARAMETER,
            Parameter {
                name: "weight",
                value_type: ValueType::scalar(ElementType::Float64),
                default: Some(Literal::Int(3)),
                minimum: None,
                maximum: Some(Literal::Float(10.0)),
                ..PARAMETER
            },
            Parameter {
                name: "how",
                value_type: ValueType::scalar(ElementType::String),
                choices: &["mean", "sum", "max"],
                default: Some(Literal::String("sum")),
                minimum: None,
                ..PARAMETER
            },
        ],
        results: &[],
    };
    const VARIADIC: KernelSpec = KernelSpec {
        parameters: &[
            SPEC.parameters[1],
            Parameter {
                name: "series",
                variadic: true,
                ..PARAMETER
            },
        ],
        ..SPEC
    };

    fn x() -> (&'static str, Value) {
        ("x", Value::vector(vec![1_i64, 2]))
    }

    fn float(number: f64) -> Value {
        Value::Scalar(Scalar::Float64(number))
    }

    fn text(text: &str) -> Value {
        Value::Scalar(Scalar::String(text.into()))
    }

    fn fault(spec: &KernelSpec, named: Vec<(&'static str, Value)>) -> String {
        let error = Arguments::bind(spec, named).expect_err("the arguments are wrong");
        error.to_string()
    }

    #[test]
    fn fills_in_defaults_and_orders_by_parameter() {
        let bound = Arguments::bind(&SPEC, [x()]).expect("valid");
        assert_eq!(bound.values(), [x().1, float(3.0), text("sum")]);
        let given = [("how", text("max")), ("weight", float(10.0)), x()];
        let bound = Arguments::bind(&SPEC, given).expect("valid");
        assert_eq!(bound.values(), [x().1, float(10.0), text("max")]);
    }

    #[test]
    fn names_the_argument_and_its_fault() {
        let cases = [
            (vec![], "x: Field required"),
            (
                vec![("x", Value::Scalar(Scalar::Int64(1)))],
                "x: Input should be a valid list of integers",
            ),
            (
                vec![("x", Value::vector(vec![0_i64, -1]))],
                "x[1]: Input should be greater than or equal to 0",
            ),
            (
                vec![x(), ("weight", float(11.0))],
                "weight: Input should be less than or equal to 10",
            ),
            (
                vec![x(), ("weight", float(f64::NAN))],
                "weight: Input should be a finite number",
            ),
            (
                vec![x(), ("how", text("median"))],
                "how: Input should be 'mean', 'sum' or 'max'",
            ),
            (vec![x(), x()], "x: Argument given more than once"),
            (
                vec![x(), ("wieght", float(1.0))],
                "wieght: Unknown argument; did you mean weight? this kernel takes x, weight, how",
            ),
        ];
        for (given, message) in cases {
            assert_eq!(fault(&SPEC, given), message);
        }
    }

    #[test]
    fn takes_any_number_of_variadic_arguments() {
        let given = [
            x(),
            ("y", Value::vector(vec![3_i64])),
            ("weight", float(1.0)),
        ];
        let bound = Arguments::bind(&VARIADIC, given).expect("valid");
        assert_eq!(bound.values(), [float(1.0)]);
        let names: Vec<_> = bound
            .named()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["x", "y"]);
        assert_eq!(
            fault(&VARIADIC, vec![x(), x()]),
            "x: Argument given more than once"
        );
        let many = (0..MOST_NAMED + 5).map(|index| (format!("y{index}"), x().1));
        let error = Arguments::bind(&VARIADIC, many).expect_err("too many");
        assert_eq!(
            error.to_string(),
            "y1024: Too many arguments: at most 1024 are taken"
        );
        let low = vec![("y", Value::vector(vec![-1_i64]))];
        assert_eq!(
            fault(&VARIADIC, low),
            "y[0]: Input should be greater than or equal to 0"
        );
    }
}
