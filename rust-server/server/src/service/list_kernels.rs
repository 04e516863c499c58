//! `ListKernels`: the catalogue, described.

use offgil_kernels::{Catalogue, Kernel, Literal, Parameter, ResultSpec, ValueType};

use crate::{
    codec::arrays::element_to_proto,
    proto::{
        KernelDescription, ListKernelsResponse, ParameterDescription, ResultDescription,
        ValueType as ProtoValueType,
    },
};

pub(super) fn answer(catalogue: &Catalogue) -> ListKernelsResponse {
    let kernels = catalogue.iter().map(|kernel| describe(kernel.as_ref()));
    ListKernelsResponse {
        kernels: kernels.collect(),
    }
}

fn describe(kernel: &dyn Kernel) -> KernelDescription {
    let spec = kernel.spec();
    KernelDescription {
        name: spec.name.into(),
        documentation: spec.documentation.into(),
        parameters: spec.parameters.iter().map(parameter).collect(),
        results: spec.results.iter().map(result).collect(),
        example_json: spec.example.into(),
    }
}

fn parameter(parameter: &Parameter) -> ParameterDescription {
    ParameterDescription {
        name: parameter.name.into(),
        documentation: parameter.documentation.into(),
        r#type: Some(value_type(parameter.value_type)),
        default_json: parameter.default.map(json),
        minimum_json: parameter.minimum.map(json),
        maximum_json: parameter.maximum.map(json),
        choices: parameter.choices.iter().map(|x| (*x).to_owned()).collect(),
        variadic: parameter.variadic,
    }
}

/// Returns a literal as JSON text.
fn json(literal: Literal) -> String {
    let json = match literal {
        Literal::Bool(truth) => truth.into(),
        Literal::Int(number) => number.into(),
        Literal::Float(number) => number.into(),
        Literal::String(text) => serde_json::Value::from(text),
    };
    json.to_string()
}

fn result(result: &ResultSpec) -> ResultDescription {
    ResultDescription {
        name: result.name.into(),
        documentation: result.documentation.into(),
        r#type: Some(value_type(result.value_type)),
    }
}

fn value_type(value_type: ValueType) -> ProtoValueType {
    ProtoValueType {
        element: element_to_proto(value_type.element).into(),
        rank: u32::try_from(value_type.rank).unwrap_or(u32::MAX),
    }
}
