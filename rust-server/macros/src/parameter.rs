//! One parameter of a kernel's function.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, Error, Expr, FnArg, GenericArgument, Ident, Pat, PathArguments, Result, Type,
    TypeReference, spanned::Spanned,
};

use crate::syntax::{documentation, is_doc};

/// A parameter, with what `#[arg(…)]` says of it.
pub(crate) struct Parameter {
    pub(crate) name: Ident,
    pub(crate) argument_type: Type,
    pub(crate) variadic: bool,
    documentation: String,
    default: Option<Expr>,
    minimum: Option<Expr>,
    maximum: Option<Expr>,
}

impl Parameter {
    /// Reads a parameter, and removes from it what the compiler would not accept.
    pub(crate) fn take(argument: &mut FnArg) -> Result<Self> {
        let FnArg::Typed(typed) = argument else {
            return Err(Error::new(argument.span(), "a kernel is no method"));
        };
        let Pat::Ident(pattern) = &*typed.pat else {
            return Err(Error::new(
                typed.pat.span(),
                "a parameter of a kernel has a name",
            ));
        };
        let mut parameter = Self {
            name: pattern.ident.clone(),
            argument_type: (*typed.ty).clone(),
            variadic: false,
            documentation: documentation(&typed.attrs),
            default: None,
            minimum: None,
            maximum: None,
        };
        for attribute in &typed.attrs {
            if attribute.path().is_ident("arg") {
                parameter.read(attribute)?;
            }
        }
        typed
            .attrs
            .retain(|attribute| !attribute.path().is_ident("arg") && !is_doc(attribute));
        Ok(parameter)
    }

    fn read(&mut self, attribute: &Attribute) -> Result<()> {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("variadic") {
                self.variadic = true;
                return Ok(());
            }
            let place = if meta.path.is_ident("default") {
                &mut self.default
            } else if meta.path.is_ident("min") {
                &mut self.minimum
            } else if meta.path.is_ident("max") {
                &mut self.maximum
            } else {
                return Err(meta.error("expected default = …, min = …, max = … or variadic"));
            };
            *place = Some(meta.value()?.parse()?);
            Ok(())
        })
    }

    /// Returns the parameter in the kernel's description.
    pub(crate) fn spec(&self, kernels: &TokenStream) -> TokenStream {
        let Self {
            name,
            argument_type,
            variadic,
            documentation,
            ..
        } = self;
        let name = name.to_string();
        let name = name.trim_start_matches("r#");
        let [default, minimum, maximum] = [&self.default, &self.minimum, &self.maximum]
            .map(|value| self.literal(value.as_ref(), kernels));
        let (value_type, choices) = if *variadic {
            let element = type_argument(argument_type);
            (
                quote!(#kernels::argument::named_type::<#element>()),
                quote!(&[]),
            )
        } else {
            (
                quote!(<#argument_type as #kernels::Argument<'_>>::VALUE_TYPE),
                quote!(<#argument_type as #kernels::Argument<'_>>::CHOICES),
            )
        };
        quote!(#kernels::Parameter {
            name: #name,
            documentation: #documentation,
            value_type: #value_type,
            choices: #choices,
            default: #default,
            minimum: #minimum,
            maximum: #maximum,
            variadic: #variadic,
        })
    }

    /// Returns an expression of `#[arg(…)]` as a literal of the element type.
    fn literal(&self, value: Option<&Expr>, kernels: &TokenStream) -> TokenStream {
        let Some(value) = value else {
            return quote!(::core::option::Option::None);
        };
        let literal = match element_name(&self.argument_type).as_deref() {
            Some("u8" | "i32" | "i64") => quote!(#kernels::Literal::Int((#value) as i64)),
            Some("f32" | "f64") => quote!(#kernels::Literal::Float((#value) as f64)),
            Some("bool") => quote!(#kernels::Literal::Bool(#value)),
            Some("str" | "String") => quote!(#kernels::Literal::String(#value)),
            // An enum with #[derive(Choice)].
            _ => quote!(#kernels::Literal::String((#value).name())),
        };
        quote!(::core::option::Option::Some(#literal))
    }
}

/// Returns the name of the type of a scalar, or of the elements of an array.
fn element_name(argument_type: &Type) -> Option<String> {
    match argument_type {
        Type::Reference(TypeReference { elem, .. }) => element_name(elem),
        Type::Slice(slice) => element_name(&slice.elem),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            match type_argument(argument_type) {
                Some(element) => element_name(element),
                None => Some(last.ident.to_string()),
            }
        }
        _ => None,
    }
}

/// Returns `T` of `Vec<T>`, `MatrixView<'_, T>` and `Named<'_, T>`.
fn type_argument(argument_type: &Type) -> Option<&Type> {
    let Type::Path(path) = argument_type else {
        return None;
    };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(element) => Some(element),
        _ => None,
    })
}
