//! `ListKernels`: the catalogue, described.

use offgil_kernels::{Catalogue, ElementType, Kernel, Parameter, ResultSpec, ValueType};

use crate::proto::{
    ElementType as ProtoElementType, KernelDescription, ListKernelsResponse, ParameterDescription,
    ResultDescription, ValueType as ProtoValueType,
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
    }
}

fn parameter(parameter: &Parameter) -> ParameterDescription {
    ParameterDescription {
        name: parameter.name.into(),
        documentation: parameter.documentation.into(),
        r#type: Some(value_type(parameter.value_type)),
        default_json: parameter.default.map(|number| number.to_string()),
        minimum_json: parameter.minimum.map(|number| number.to_string()),
        maximum_json: parameter.maximum.map(|number| number.to_string()),
    }
}

fn result(result: &ResultSpec) -> ResultDescription {
    ResultDescription {
        name: result.name.into(),
        documentation: result.documentation.into(),
        r#type: Some(value_type(result.value_type)),
    }
}

fn value_type(value_type: ValueType) -> ProtoValueType {
    let element = match value_type.element {
        ElementType::Int64 => ProtoElementType::Int64,
    };
    ProtoValueType {
        element: element.into(),
        rank: value_type.rank,
    }
}
