//! Arguments that match the parameters of a kernel.

use crate::{
    error::{ArgumentError, ArgumentFault},
    spec::{KernelSpec, Parameter},
    value::Value,
};

/// The arguments of one call: one value for each parameter, of its type and in its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    values: Vec<Value>,
}

// === impl Arguments ===

impl Arguments {
    /// Matches named values to the parameters of a kernel, and fills in defaults.
    ///
    /// # Errors
    ///
    /// [`ArgumentError`] for the first parameter whose argument is missing, of another type or out
    /// of range, else for the first value that is unknown or given more than once.
    pub fn bind<N: AsRef<str>>(
        spec: &KernelSpec,
        named: impl IntoIterator<Item = (N, Value)>,
    ) -> Result<Self, ArgumentError> {
        let mut slots: Vec<Option<Value>> = vec![None; spec.parameters.len()];
        let mut misplaced = None;
        for (name, value) in named {
            let name = name.as_ref();
            let position = spec.parameters.iter().position(|p| p.name == name);
            let fault = match position.map(|position| &mut slots[position]) {
                Some(slot @ None) => {
                    *slot = Some(value);
                    continue;
                }
                Some(Some(_)) => ArgumentFault::Repeated,
                None => unknown(spec),
            };
            misplaced.get_or_insert_with(|| fault.at(name.to_owned()));
        }
        let values = spec
            .parameters
            .iter()
            .zip(slots)
            .map(|(parameter, value)| accept(parameter, value))
            .collect::<Result<_, _>>()?;
        match misplaced {
            Some(error) => Err(error),
            None => Ok(Self { values }),
        }
    }

    /// Returns the values, in the order of the parameters.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Takes the values, in the order of the parameters, as an array of a known length.
    ///
    /// # Panics
    ///
    /// Panics if the kernel's spec has another number of parameters, which is a defect of the kernel.
    pub fn into_array<const N: usize>(self) -> [Value; N] {
        self.values
            .try_into()
            .expect("a kernel takes as many values as its spec has parameters")
    }
}

/// Returns the fault of an argument that the kernel has no parameter for.
pub fn unknown(spec: &KernelSpec) -> ArgumentFault {
    let names: Vec<_> = spec.parameters.iter().map(|p| p.name).collect();
    ArgumentFault::Unknown {
        expected: names.join(", "),
    }
}

fn accept(parameter: &Parameter, value: Option<Value>) -> Result<Value, ArgumentError> {
    let Some(value) = value.or(parameter.default.map(Value::Int64)) else {
        return Err(ArgumentFault::Missing.at(parameter.name));
    };
    if value.value_type() != parameter.value_type {
        let expected = parameter.value_type;
        return Err(ArgumentFault::WrongType { expected }.at(parameter.name));
    }
    match &value {
        Value::Int64(number) => {
            in_range(parameter, *number).map_err(|fault| fault.at(parameter.name))?
        }
        Value::Int64Vector(numbers) => {
            if parameter.minimum.is_some() || parameter.maximum.is_some() {
                for (index, number) in numbers.iter().enumerate() {
                    in_range(parameter, *number)
                        .map_err(|fault| fault.at(format!("{}[{index}]", parameter.name)))?;
                }
            }
        }
    }
    Ok(value)
}

fn in_range(parameter: &Parameter, number: i64) -> Result<(), ArgumentFault> {
    match (parameter.minimum, parameter.maximum) {
        (Some(minimum), _) if number < minimum => Err(ArgumentFault::TooSmall { minimum }),
        (_, Some(maximum)) if number > maximum => Err(ArgumentFault::TooLarge { maximum }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ValueType;

    const SPEC: KernelSpec = KernelSpec {
        name: "example",
        documentation: "An example.",
        parameters: &[
            Parameter {
                name: "x",
                documentation: "Numbers from 0.",
                value_type: ValueType::INT64_VECTOR,
                default: None,
                minimum: Some(0),
                maximum: None,
            },
            Parameter {
                name: "k",
                documentation: "A number up to 10.",
                value_type: ValueType::INT64,
                default: Some(3),
                minimum: None,
                maximum: Some(10),
            },
        ],
        results: &[],
    };

    fn x() -> (&'static str, Value) {
        ("x", Value::Int64Vector(vec![1, 2]))
    }

    fn fault(named: Vec<(&'static str, Value)>) -> (String, ArgumentFault) {
        let error = Arguments::bind(&SPEC, named).expect_err("the arguments are wrong");
        (error.path.into_owned(), error.fault)
    }

    #[test]
    fn fills_in_defaults_and_orders_by_parameter() {
        let bound = Arguments::bind(&SPEC, [x()]).expect("valid");
        assert_eq!(bound.values(), [x().1, Value::Int64(3)]);
        let bound = Arguments::bind(&SPEC, [("k", Value::Int64(10)), x()]).expect("valid");
        assert_eq!(bound.values(), [x().1, Value::Int64(10)]);
    }

    #[test]
    fn names_the_argument_and_its_fault() {
        assert_eq!(fault(vec![]), ("x".into(), ArgumentFault::Missing));
        assert_eq!(
            fault(vec![("x", Value::Int64(1))]),
            (
                "x".into(),
                ArgumentFault::WrongType {
                    expected: ValueType::INT64_VECTOR
                }
            )
        );
        assert_eq!(
            fault(vec![("x", Value::Int64Vector(vec![0, -1]))]),
            ("x[1]".into(), ArgumentFault::TooSmall { minimum: 0 })
        );
        assert_eq!(
            fault(vec![x(), ("k", Value::Int64(11))]),
            ("k".into(), ArgumentFault::TooLarge { maximum: 10 })
        );
        assert_eq!(fault(vec![x(), x()]), ("x".into(), ArgumentFault::Repeated));
        assert_eq!(
            fault(vec![x(), ("y", Value::Int64(0))]),
            (
                "y".into(),
                ArgumentFault::Unknown {
                    expected: "x, k".into()
                }
            )
        );
    }
}
