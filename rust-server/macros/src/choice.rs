//! `#[derive(Choice)]`: an enum whose variants are the strings that an argument may be.

use heck::ToSnakeCase;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result, ext::IdentExt, spanned::Spanned};

use crate::syntax::kernels_crate;

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &item.data else {
        return Err(Error::new(item.span(), "a choice is an enum"));
    };
    if let Some(variant) = data
        .variants
        .iter()
        .find(|v| !matches!(v.fields, Fields::Unit))
    {
        return Err(Error::new(variant.span(), "a choice carries no fields"));
    }
    let kernels = kernels_crate();
    let enum_name = &item.ident;
    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let names: Vec<_> = variants
        .iter()
        .map(|v| v.unraw().to_string().to_snake_case())
        .collect();
    Ok(quote! {
        impl #enum_name {
            /// Returns the string that stands for this choice.
            pub const fn name(&self) -> &'static str {
                match self {
                    #(Self::#variants => #names,)*
                }
            }
        }

        impl<'a> #kernels::Argument<'a> for #enum_name {
            const VALUE_TYPE: #kernels::ValueType =
                #kernels::ValueType::scalar(#kernels::ElementType::String);
            const CHOICES: &'static [&'static str] = &[#(#names),*];
            type View = Self;

            fn view(value: &'a #kernels::Value) -> Self {
                match <&str as #kernels::Argument<'a>>::view(value) {
                    #(#names => Self::#variants,)*
                    other => ::core::unreachable!("bound arguments are among the choices, not {other:?}"),
                }
            }

            fn take(value: &'a mut #kernels::Value) -> Self {
                Self::view(value)
            }
        }
    })
}
