//! What the macros share: documentation, and the path of the crate that the generated code names.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Returns the path of `offgil_kernels`, which the crate depends on itself or through the server.
pub(crate) fn kernels_crate() -> TokenStream {
    if let Ok(found) = crate_name("offgil-kernels") {
        return match found {
            FoundCrate::Itself => quote!(::offgil_kernels),
            FoundCrate::Name(name) => {
                let name = format_ident!("{name}");
                quote!(::#name)
            }
        };
    }
    match crate_name("offgil-server") {
        Ok(FoundCrate::Name(name)) => {
            let name = format_ident!("{name}");
            quote!(::#name::kernels)
        }
        // The server's own tests.
        Ok(FoundCrate::Itself) => quote!(::offgil_server::kernels),
        // The compiler then says that there is no such crate.
        Err(_) => quote!(::offgil_kernels),
    }
}

/// Returns the text of doc comments.
pub(crate) fn documentation(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(doc_line).collect();
    lines.join("\n").trim().to_owned()
}

pub(crate) fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else {
        return None;
    };
    match &meta.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) if is_doc(attribute) => {
            let text = text.value();
            Some(text.strip_prefix(' ').unwrap_or(&text).to_owned())
        }
        _ => None,
    }
}
