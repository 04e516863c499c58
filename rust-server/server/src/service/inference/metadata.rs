//! What the server and its kernels are, in the terms of the protocol.

use offgil_kernels::{Catalogue, ElementType, KernelSpec, Parameter, ResultSpec, ValueType};

use super::VERSION;
use crate::{
    codec::tensors::datatype,
    proto::inference::{
        DataType, ModelConfig, ModelConfigResponse, ModelInput, ModelMetadataResponse, ModelOutput,
        RepositoryIndexResponse, ServerMetadataResponse, model_metadata_response::TensorMetadata,
        repository_index_response::ModelIndex,
    },
};

/// The name of the server and of what runs its models.
const NAME: &str = "offgil";
/// Extensions of the protocol that are served, by the names that Triton has for them.
const EXTENSIONS: [&str; 5] = [
    "binary_tensor_data",
    "model_configuration",
    "model_repository",
    "parameters",
    "statistics",
];
/// Any number of further inputs.
const VARIADIC: &str = "*";
/// A dimension of any length.
const ANY: i64 = -1;

pub(super) fn of_server() -> ServerMetadataResponse {
    ServerMetadataResponse {
        name: NAME.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        extensions: EXTENSIONS.map(String::from).into(),
    }
}

pub(super) fn of_model(spec: &KernelSpec) -> ModelMetadataResponse {
    let tensor = |name: &str, value_type: ValueType| TensorMetadata {
        name: name.into(),
        datatype: datatype(value_type.element).into(),
        shape: shape(value_type),
    };
    let input = |parameter: &Parameter| tensor(input_name(parameter), parameter.value_type);
    let output = |result: &ResultSpec| tensor(result.name, result.value_type);
    ModelMetadataResponse {
        name: spec.name.into(),
        versions: vec![VERSION.into()],
        platform: NAME.into(),
        inputs: spec.parameters.iter().map(input).collect(),
        outputs: spec.results.iter().map(output).collect(),
    }
}

pub(super) fn configuration(spec: &KernelSpec) -> ModelConfigResponse {
    let input = |parameter: &Parameter| ModelInput {
        name: input_name(parameter).into(),
        data_type: data_type(parameter.value_type.element).into(),
        dims: shape(parameter.value_type),
        optional: parameter.default.is_some() || parameter.variadic,
    };
    let output = |result: &ResultSpec| ModelOutput {
        name: result.name.into(),
        data_type: data_type(result.value_type.element).into(),
        dims: shape(result.value_type),
    };
    let config = ModelConfig {
        name: spec.name.into(),
        platform: NAME.into(),
        max_batch_size: 0,
        input: spec.parameters.iter().map(input).collect(),
        output: spec.results.iter().map(output).collect(),
        backend: NAME.into(),
    };
    ModelConfigResponse {
        config: Some(config),
    }
}

pub(super) fn index(catalogue: &Catalogue) -> RepositoryIndexResponse {
    let model = |spec: &KernelSpec| ModelIndex {
        name: spec.name.into(),
        version: VERSION.into(),
        state: "READY".into(),
        reason: String::new(),
    };
    RepositoryIndexResponse {
        models: catalogue
            .iter()
            .map(|kernel| model(kernel.spec()))
            .collect(),
    }
}

fn input_name(parameter: &Parameter) -> &'static str {
    if parameter.variadic {
        VARIADIC
    } else {
        parameter.name
    }
}

fn shape(value_type: ValueType) -> Vec<i64> {
    match value_type.rank {
        0 => vec![1],
        rank => vec![ANY; rank],
    }
}

fn data_type(element: ElementType) -> DataType {
    match element {
        ElementType::Bool => DataType::TypeBool,
        ElementType::UInt8 => DataType::TypeUint8,
        ElementType::Int32 => DataType::TypeInt32,
        ElementType::Int64 => DataType::TypeInt64,
        ElementType::Float32 => DataType::TypeFp32,
        ElementType::Float64 => DataType::TypeFp64,
        ElementType::String => DataType::TypeString,
    }
}
