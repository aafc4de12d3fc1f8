//! `cors_origins`: which pages of other web origins may read answers.

use super::error::Problem;
use super::read::{At, Fields, Reader};
use super::url::{CorsOrigins, WebOrigin};

/// One web origin of the list, or the sign for all.
#[derive(PartialEq)]
enum WebOriginOrStar {
    Star,
    One(WebOrigin),
}

pub(super) fn read(reader: &mut Reader<'_>, top: &Fields<'_>) -> Option<CorsOrigins> {
    let list = read_cors_list(reader, top)?;
    let star = list.iter().find(|at| matches!(*at.value, WebOriginOrStar::Star));
    match star {
        Some(_) if list.len() == 1 => Some(CorsOrigins::Any),
        Some(at) => {
            reader.report(&at.span.clone().unwrap_or(0..0), Problem::StarNotAlone);
            None
        }
        None if list.is_empty() => Some(CorsOrigins::None),
        None => {
            let origins = list.into_iter().filter_map(|at| match &*at.value {
                WebOriginOrStar::One(origin) => {
                    let origin = origin.clone();
                    Some(at.value.map(|_| origin))
                }
                WebOriginOrStar::Star => None,
            });
            Some(CorsOrigins::List(origins.collect()))
        }
    }
}

fn read_cors_list(reader: &mut Reader<'_>, top: &Fields<'_>) -> Option<Vec<At<WebOriginOrStar>>> {
    reader.list(top, "cors_origins", |text| match text {
        "*" => Ok(WebOriginOrStar::Star),
        text => WebOrigin::parse(text).map(WebOriginOrStar::One),
    })
}
