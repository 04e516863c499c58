//! The kernels a server serves.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{builtin, kernel::Kernel};

/// The kernels a server serves, found by name.
#[derive(Clone, Default)]
pub struct Catalogue {
    kernels: BTreeMap<&'static str, Arc<dyn Kernel>>,
}

// === impl Catalogue ===

impl Catalogue {
    /// Returns the kernels of this crate.
    pub fn built_in() -> Self {
        builtin::all()
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
