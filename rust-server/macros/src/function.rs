//! `#[kernel]`: a function, and a type that implements `Kernel` for it.

use heck::ToUpperCamelCase;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Error, Expr, FnArg, ItemFn, LitStr, Pat, Result, ReturnType, Type,
    ext::IdentExt,
    parse::{Parse, ParseStream},
    spanned::Spanned,
};

use crate::{
    parameter::Parameter,
    syntax::{documentation, kernels_crate},
};

/// What the attribute says.
#[derive(Default)]
pub(crate) struct Options {
    name: Option<LitStr>,
    example: Option<LitStr>,
    cost_ns: Option<Expr>,
    memory: Option<Expr>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        let parser = syn::meta::parser(|meta| {
            if meta.path.is_ident("name") {
                options.name = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("example") {
                options.example = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("cost_ns") {
                options.cost_ns = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("memory") {
                options.memory = Some(meta.value()?.parse()?);
            } else {
                return Err(meta.error("expected name, example, cost_ns or memory"));
            }
            Ok(())
        });
        syn::parse::Parser::parse2(parser, input.parse::<TokenStream>()?)?;
        Ok(options)
    }
}

pub(crate) fn expand(options: &Options, mut function: ItemFn) -> Result<TokenStream> {
    let signature = &function.sig;
    if !signature.generics.params.is_empty() {
        let message = "a kernel is not generic: the types of its parameters are its contract";
        return Err(Error::new(signature.generics.span(), message));
    }
    if let Some(asyncness) = &signature.asyncness {
        let message = "a kernel computes and does not wait: remove `async`";
        return Err(Error::new(asyncness.span(), message));
    }
    let kernels = kernels_crate();
    let takes_context = function.sig.inputs.first().is_some_and(is_context);
    let parameters: Vec<Parameter> = function
        .sig
        .inputs
        .iter_mut()
        .skip(usize::from(takes_context))
        .map(Parameter::take)
        .collect::<Result<_>>()?;
    if let Some(early) = parameters.iter().rev().skip(1).find(|p| p.variadic) {
        let message = "the variadic parameter must be the last one";
        return Err(Error::new(early.name.span(), message));
    }

    let function_name = &function.sig.ident;
    let plain_name = function_name.unraw().to_string();
    let name = options
        .name
        .as_ref()
        .map_or_else(|| plain_name.clone(), LitStr::value);
    let struct_name = format_ident!("{}", plain_name.to_upper_camel_case());
    let visibility = &function.vis;
    let documentation = documentation(&function.attrs);
    let example = options
        .example
        .as_ref()
        .map_or_else(String::new, LitStr::value);
    let specs = parameters.iter().map(|parameter| parameter.spec(&kernels));
    let (outputs, is_fallible) = outputs(&function.sig.output);
    let cost = options.cost_ns.as_ref().map(|cost| {
        let views = views(&parameters, &kernels);
        quote! {
            fn states_cost(&self) -> bool {
                true
            }

            fn cost(&self, arguments: &#kernels::Arguments) -> ::core::time::Duration {
                #views
                ::core::time::Duration::from_nanos((#cost) as u64)
            }
        }
    });
    let memory = options.memory.as_ref().map(|memory| {
        let views = views(&parameters, &kernels);
        quote! {
            fn memory(&self, arguments: &#kernels::Arguments) -> u64 {
                #views
                (#memory) as u64
            }
        }
    });
    let fixed: Vec<_> = parameters
        .iter()
        .filter(|p| !p.variadic)
        .map(|p| &p.name)
        .collect();
    let count = fixed.len();
    let taken = parameters.iter().map(
        |Parameter {
             name,
             argument_type,
             variadic,
             ..
         }| {
            if *variadic {
                quote!(#kernels::argument::named(named))
            } else {
                quote!(<#argument_type as #kernels::Argument<'_>>::take(#name))
            }
        },
    );
    let context = takes_context.then(|| quote!(context,));
    let question_mark = is_fallible.then(|| quote!(?));
    let link = format!("The kernel `{name}`; see [`{plain_name}()`].");
    Ok(quote! {
        #function

        #[doc = #link]
        #[derive(Clone, Copy, Debug)]
        #visibility struct #struct_name;

        impl #kernels::Kernel for #struct_name {
            fn spec(&self) -> &'static #kernels::KernelSpec {
                const SPEC: #kernels::KernelSpec = #kernels::KernelSpec {
                    name: #name,
                    documentation: #documentation,
                    example: #example,
                    parameters: &[#(#specs),*],
                    results: <#outputs as #kernels::Outputs>::RESULTS,
                };
                &SPEC
            }

            #cost

            #memory

            fn run(
                &self,
                mut arguments: #kernels::Arguments,
                context: &#kernels::Context,
            ) -> ::core::result::Result<::std::vec::Vec<#kernels::Value>, #kernels::KernelError> {
                let _ = context;
                let (values, named) = arguments.parts_mut::<#count>();
                let _ = named;
                let [#(#fixed),*] = values;
                let results = #function_name(#context #(#taken),*)#question_mark;
                ::core::result::Result::Ok(#kernels::Outputs::into_values(results))
            }
        }
    })
}

/// Returns statements that make every parameter visible to an estimate.
fn views(parameters: &[Parameter], kernels: &TokenStream) -> TokenStream {
    let mut index = 0_usize;
    let statements = parameters.iter().map(|Parameter { name, argument_type, variadic, .. }| {
        let view = if *variadic {
            quote!(#kernels::argument::named(arguments.named()))
        } else {
            index += 1;
            let position = index - 1;
            quote!(<#argument_type as #kernels::Argument<'_>>::view(&arguments.values()[#position]))
        };
        let view = if *variadic {
            quote!(let #name: #argument_type = #view;)
        } else {
            quote!(let #name = #view;)
        };
        quote!(#view let _ = &#name;)
    });
    quote!(#(#statements)*)
}

/// Returns whether a parameter is `cx: &Context`.
fn is_context(argument: &FnArg) -> bool {
    let FnArg::Typed(typed) = argument else {
        return false;
    };
    let Type::Reference(reference) = &*typed.ty else {
        return false;
    };
    let is_named = matches!(&*typed.pat, Pat::Ident(_) | Pat::Wild(_));
    let Type::Path(path) = &*reference.elem else {
        return false;
    };
    is_named
        && path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Context")
}

/// Returns the type of the results, and whether the function may return an error instead.
fn outputs(output: &ReturnType) -> (TokenStream, bool) {
    let ReturnType::Type(_, returned) = output else {
        return (quote!(()), false);
    };
    if let Type::Path(path) = &**returned
        && let Some(last) = path.path.segments.last()
        && last.ident == "Result"
        && let syn::PathArguments::AngleBracketed(arguments) = &last.arguments
        && let Some(syn::GenericArgument::Type(results)) = arguments.args.first()
    {
        return (quote!(#results), true);
    }
    (quote!(#returned), false)
}
