//! `InvokeRequest`: values are what was sent, fit every kernel or are refused where they are wrong, and a kernel that
//! takes them gives what it promises.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use offgil_fuzz::{
    image::image,
    kernels::{KERNELS, check_arguments, check_run},
};
use offgil_kernels::Arguments;
use offgil_server::{
    codec::arrays,
    error::Error,
    proto::{InvokeRequest, named_value::Value as Sent},
};
use prost::Message;

fuzz_target!(|data: &[u8]| {
    let Ok(request) = InvokeRequest::decode(Bytes::copy_from_slice(data)) else {
        return;
    };
    let sent = request.arguments.clone();
    let values = match arrays::read(request.arguments) {
        Ok(values) => values,
        Err(Error::Argument { field, .. }) => {
            assert!(sent.iter().any(|argument| argument.name == field));
            return;
        }
        Err(error) => panic!("{error}"),
    };
    assert_eq!(values.len(), sent.len());
    for ((name, value), sent) in values.iter().zip(sent) {
        let written = arrays::write(name, value.clone());
        if let (Some(Sent::Array(written)), Some(Sent::Array(sent))) = (&written.value, &sent.value)
        {
            // To the bit, NaN included.
            assert_eq!(written, sent);
        }
        assert_eq!(*name, sent.name);
        let again = arrays::read(vec![written]).expect("it is what was written");
        assert_eq!(image(&again[0].1), image(value));
    }
    for kernel in KERNELS.iter() {
        let spec = kernel.spec();
        match Arguments::bind(spec, values.clone()) {
            Ok(arguments) => {
                check_arguments(spec, &arguments);
                if spec.name == request.kernel {
                    check_run(kernel.as_ref(), &arguments);
                }
            }
            Err(error) => {
                let is_of = |name: &str| error.path.starts_with(name);
                let is_known = spec.parameters.iter().any(|p| is_of(p.name));
                assert!(
                    is_known || values.iter().any(|(name, _)| is_of(name)),
                    "{error}"
                );
            }
        }
    }
});
