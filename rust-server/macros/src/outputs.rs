//! `#[derive(Outputs)]`: a struct whose fields are the results of a kernel.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result, ext::IdentExt, spanned::Spanned};

use crate::syntax::{documentation, kernels_crate};

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let fields = match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => &fields.named,
            _ => {
                return Err(Error::new(
                    item.span(),
                    "the results need names: use named fields",
                ));
            }
        },
        _ => {
            return Err(Error::new(
                item.span(),
                "the results of a kernel are a struct",
            ));
        }
    };
    if !item.generics.params.is_empty() {
        let message = "the results of a kernel have types that are known: no generics";
        return Err(Error::new(item.generics.span(), message));
    }
    let kernels = kernels_crate();
    let struct_name = &item.ident;
    let idents: Vec<_> = fields
        .iter()
        .filter_map(|field| field.ident.as_ref())
        .collect();
    let specs = fields.iter().zip(&idents).map(|(field, ident)| {
        let name = ident.unraw().to_string();
        let documentation = documentation(&field.attrs);
        let output = &field.ty;
        quote!(#kernels::ResultSpec {
            name: #name,
            documentation: #documentation,
            value_type: <#output as #kernels::Output>::VALUE_TYPE,
        })
    });
    Ok(quote! {
        impl #kernels::Outputs for #struct_name {
            const RESULTS: &'static [#kernels::ResultSpec] = &[#(#specs),*];

            fn into_values(self) -> ::std::vec::Vec<#kernels::Value> {
                ::std::vec![#(#kernels::Output::into_value(self.#idents)),*]
            }
        }
    })
}
