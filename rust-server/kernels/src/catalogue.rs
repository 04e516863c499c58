//! The kernels a server serves.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{kernel::Kernel, process_numbers::ProcessNumbers, sum_squares::SumSquares};

/// The kernels a server serves, found by name.
#[derive(Clone, Default)]
pub struct Catalogue {
    kernels: BTreeMap<&'static str, Arc<dyn Kernel>>,
}

// === impl Catalogue ===

impl Catalogue {
    /// Returns the kernels of this crate. A new kernel is one line here.
    pub fn built_in() -> Self {
        Self::default().with(ProcessNumbers).with(SumSquares)
    }

    /// Returns this catalogue with one more kernel.
    ///
    /// # Panics
    ///
    /// Panics if there is a kernel of the same name, which is a defect of the program.
    #[must_use]
    pub fn with(mut self, kernel: impl Kernel + 'static) -> Self {
        let name = kernel.spec().name;
        let earlier = self.kernels.insert(name, Arc::new(kernel));
        assert!(earlier.is_none(), "two kernels are named {name}");
        self
    }

    /// Returns the kernel of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Kernel>> {
        self.kernels.get(name)
    }

    /// Returns all kernels, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Kernel>> {
        self.kernels.values()
    }
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.kernels.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arguments, Context, Parameter, Value};

    fn is_snake_case(name: &str) -> bool {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(allowed)
    }

    /// Returns the least that can be asked for: empty vectors, and the default, 0 or a limit for scalars.
    fn smallest(parameter: &Parameter) -> Value {
        match parameter.value_type.rank {
            0 => Value::Int64(parameter.default.or(parameter.minimum).unwrap_or(0)),
            _ => Value::Int64Vector(vec![]),
        }
    }

    #[test]
    fn every_kernel_describes_itself() {
        for kernel in Catalogue::built_in().iter() {
            let spec = kernel.spec();
            assert!(is_snake_case(spec.name), "{}", spec.name);
            assert!(!spec.results.is_empty(), "{} has results", spec.name);
            let parameters = spec.parameters.iter().map(|p| (p.name, p.documentation));
            let results = spec.results.iter().map(|r| (r.name, r.documentation));
            for (name, documentation) in parameters.chain(results) {
                assert!(is_snake_case(name), "{}.{name}", spec.name);
                assert!(documentation.ends_with('.'), "{}.{name}", spec.name);
            }
            let summary = spec.documentation.lines().next().unwrap_or_default();
            assert!(summary.ends_with('.'), "{}: {summary:?}", spec.name);
        }
    }

    #[test]
    fn every_default_is_in_its_range() {
        for kernel in Catalogue::built_in().iter() {
            let named = kernel
                .spec()
                .parameters
                .iter()
                .map(|p| (p.name, smallest(p)));
            let bound = Arguments::bind(kernel.spec(), named);
            assert!(bound.is_ok(), "{}: {bound:?}", kernel.spec().name);
        }
    }

    #[test]
    fn every_kernel_takes_empty_input_and_gives_what_it_says() {
        for kernel in Catalogue::built_in().iter() {
            let spec = kernel.spec();
            let named = spec.parameters.iter().map(|p| (p.name, smallest(p)));
            let arguments = Arguments::bind(spec, named).expect("the smallest arguments are valid");
            let results = kernel
                .run(arguments, &Context::default())
                .expect("a result");
            let given: Vec<_> = results.iter().map(Value::value_type).collect();
            let promised: Vec<_> = spec.results.iter().map(|r| r.value_type).collect();
            assert_eq!(given, promised, "{}", spec.name);
        }
    }
}
