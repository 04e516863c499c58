//! Kernels that give back their arguments: what is written as their results must be read as their arguments.

use std::sync::LazyLock;

use offgil_kernels::{
    Arguments, ElementType, KernelSpec, Parameter, ResultSpec, Scalar, Value, ValueType,
};

use crate::kernels::KERNELS;

/// The parameters of a kernel as its results, but for texts, which are no results of any kernel.
#[derive(Debug)]
pub struct Mirror {
    /// The description of such a kernel.
    pub spec: &'static KernelSpec,
    of: &'static KernelSpec,
    positions: Vec<usize>,
}

/// One for each kernel of the catalogue.
static MIRRORS: LazyLock<Vec<Mirror>> =
    LazyLock::new(|| KERNELS.iter().map(|k| Mirror::new(k.spec())).collect());

// === impl Mirror ===

impl Mirror {
    /// Returns the one of a kernel of the catalogue.
    pub fn of(spec: &KernelSpec) -> &'static Self {
        let mut mirrors = MIRRORS.iter();
        let found = mirrors.find(|mirror| mirror.of.name == spec.name);
        found.expect("it is in the catalogue")
    }

    fn new(of: &'static KernelSpec) -> Self {
        let parameters = of.parameters.iter().enumerate().filter(|(_, parameter)| {
            !parameter.variadic && parameter.value_type.element != ElementType::String
        });
        let types = parameters
            .clone()
            .map(|(_, parameter)| (parameter.name, parameter.value_type));
        Self {
            spec: spec(of.name, &types.collect::<Vec<_>>()),
            of,
            positions: parameters.map(|(position, _)| position).collect(),
        }
    }

    /// Returns the results for these arguments of the kernel.
    pub fn results(&self, arguments: &Arguments) -> Vec<Value> {
        let values = arguments.values();
        let positions = self.positions.iter();
        positions
            .map(|position| values[*position].clone())
            .collect()
    }

    /// Returns the arguments that are texts, with their names.
    pub fn texts<'a>(&self, arguments: &'a Arguments) -> Vec<(&'static str, &'a str)> {
        let named = self.of.parameters.iter().zip(arguments.values());
        let texts = named.filter_map(|(parameter, value)| match value {
            Value::Scalar(Scalar::String(text)) => Some((parameter.name, text.as_str())),
            _ => None,
        });
        texts.collect()
    }
}

/// Returns the description of a kernel with parameters and results of these names and types. It lives for ever, so
/// it is to be asked for once.
pub fn spec(name: &'static str, types: &[(&'static str, ValueType)]) -> &'static KernelSpec {
    let documentation = "";
    let parameters = types.iter().map(|(name, value_type)| Parameter {
        name,
        documentation,
        value_type: *value_type,
        choices: &[],
        default: None,
        minimum: None,
        maximum: None,
        variadic: false,
    });
    let results = types.iter().map(|(name, value_type)| ResultSpec {
        name,
        documentation,
        value_type: *value_type,
    });
    Box::leak(Box::new(KernelSpec {
        name,
        documentation,
        example: "",
        parameters: Vec::leak(parameters.collect()),
        results: Vec::leak(results.collect()),
    }))
}
