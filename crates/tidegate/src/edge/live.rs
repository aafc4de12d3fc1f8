//! Answers from the hub: a stream, or the current representation.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use std::sync::Arc;
use tidegate_core::caching::{Demand, Forward};
use tidegate_core::json::Selection;
use tidegate_core::{Asked, Mode};
use tidegate_hub::{Body, Coding, Interest, Refused, Route, Wanted};
use tidegate_wire::{Format, Problem, ProblemKind};

use super::asks::Ask;
use super::carried::On;
use super::gate::Ending;
use super::gateway::{Decided, Gateway, GatewayRoute, refused};
use super::identity::Caller;
use super::wait::{self, Waited};
use super::{answer, cache_status, part, plain, refusal, stream};
use crate::origin::no_body;
use crate::proxy::Client;

/// A request that is to be answered from the hub.
pub(super) struct Live<'a> {
    pub(super) route: &'a Arc<Route>,
    pub(super) method: Method,
    pub(super) target: &'a str,
    pub(super) fields: HeaderMap,
    pub(super) content: Bytes,
    pub(super) ask: Ask,
    pub(super) caller: &'a Caller,
}

impl Live<'_> {
    fn wanted(&self) -> Wanted<'_> {
        let Live { route, method, target, fields, content, caller, .. } = self;
        let identity = caller.identity.as_ref();
        Wanted { route, asked: Asked { method, target, fields, body: content }, identity }
    }
}

impl Gateway {
    pub(super) async fn live(
        &self,
        route: &GatewayRoute,
        live: Live<'_>,
        request: Request<Body>,
        client: &Client,
    ) -> Decided {
        match live.ask.format {
            Some(format) if request.method() == Method::HEAD => {
                let head = stream::head(format, None, stream::coding(&live.fields));
                Decided::Answer(head.map(|()| no_body()))
            }
            Some(format) => self.stream(route, live, format, request, client).await,
            None => Decided::Answer(self.plain(route, live, request, client).await),
        }
    }

    async fn stream(
        &self,
        route: &GatewayRoute,
        live: Live<'_>,
        format: Format,
        request: Request<Body>,
        client: &Client,
    ) -> Decided {
        if self.is_short_of_memory() {
            return refused(&refusal::short_of_memory());
        }
        let Ask { resume, wish, mode, .. } = live.ask;
        // A connection that carries several streams has one format and one coding for all of them.
        let carrier = request.extensions().get::<On>().map(|On(carrier)| carrier.clone());
        let (format, coding) = match &carrier {
            Some(carrier) => (carrier.format(), Coding::Identity),
            None => (format, stream::coding(&live.fields)),
        };
        let terms = live.ask.terms(format);
        let selection = live.ask.select.clone();
        let interest = Interest { resume, coding, wish, terms, selection, carrier };
        let mut response = match self.hub.subscribe(live.wanted(), interest).await {
            // It had its one snapshot: an `EventSource` that is told so does not come again (WHATWG HTML §9.2.3).
            Ok(subscription) if mode == Mode::First && subscription.is_current => stream::nothing_newer(),
            Ok(mut subscription) => {
                let clock = self.hub.clock();
                subscription.until = live.caller.remaining.map(|remaining| clock.now() + remaining);
                let head = stream::head(format, subscription.content_type.clone(), coding);
                return Decided::Stream(subscription, head, Ending::of(&live.fields, &live.content));
            }
            Err(Refused::Raw(raw, unfit)) => stream::only_streams(format, refusal::passed_on(*raw), unfit),
            Err(Refused::Bypass) => {
                stream::only_streams(format, self.forward_read(route, request, client).await, None)
            }
            Err(refused) => refusal::of(refused),
        };
        if live.ask.select.is_some() && response.status().is_success() {
            // What the origin streams by itself is passed on whole.
            response = part::not_selectable("the origin's answer is a stream of its own, which has no parts");
        }
        answer::vary(response.headers_mut(), "Accept");
        answer::vary(response.headers_mut(), "Tidegate-Select");
        Decided::Answer(response)
    }

    async fn plain(
        &self,
        route: &GatewayRoute,
        live: Live<'_>,
        request: Request<Body>,
        client: &Client,
    ) -> Response<Body> {
        let demand = Demand::of(&live.fields);
        let (wanted, selection) = (live.wanted(), live.ask.select.as_ref());
        // Whoever wants nothing kept for it is no subscriber.
        let mut wait = live.ask.wait.filter(|_| !demand.only_reads());
        if let (Some(wait), Some(remaining)) = (&mut wait, live.caller.remaining) {
            // Its client is somebody only until then.
            wait.limit = wait.limit.min(remaining);
        }
        let waited = match wait {
            Some(_) if self.is_short_of_memory() => return refusal::told(&refusal::short_of_memory()),
            Some(wait) => self.wait(wanted, live.ask.wish, selection, wait).await,
            None => Ok(Waited::NOT),
        };
        let (refused, asked) = match waited {
            Ok(waited) => match self.hub.read(wanted, demand, selection.cloned()).await {
                Ok(current) => {
                    let mut response = plain::response(request.method(), &live.fields, &current).await;
                    if let Some(wait) = wait {
                        wait.note(response.headers_mut(), &current, wait::is_anybodys(wanted));
                    }
                    return response;
                }
                Err((refused, asked)) => match wait.filter(|_| waited.is_answered_here(&refused)) {
                    Some(wait) => return wait.cut_short(&live.fields),
                    None => (refused, asked),
                },
            },
            Err(refused) => (refused, None),
        };
        let (mut response, status) = match refused {
            Refused::Bypass | Refused::TooManyFeeds | Refused::TooManyPrivateFeeds | Refused::Closing => {
                (self.read_alone(route, selection, request, client).await, Some(cache_status::BYPASS))
            }
            Refused::NotKept if demand.only_if_cached => {
                let detail =
                    "nothing is kept that may be used, and `only-if-cached` forbids to ask the origin";
                let problem = Problem::new(ProblemKind::NotKept).with_detail(detail);
                (refusal::told(&problem), Some(cache_status::NOT_KEPT))
            }
            // With `no-store` the answer is this reader's alone.
            Refused::NotKept => {
                let response = self.read_alone(route, selection, request, client).await;
                (response, Some(cache_status::fwd(Forward::Miss)))
            }
            refused @ (Refused::Raw(..) | Refused::Answered(_)) => {
                let response = refusal::of(refused);
                let response = match selection {
                    Some(_) if self.is_short_of_memory() => refusal::told(&refusal::short_of_memory()),
                    Some(selection) => self.parts.of(response, selection, request.method()).await,
                    None => response,
                };
                (response, asked.map(cache_status::fwd))
            }
            refused => (refusal::of(refused), asked.map(cache_status::fwd)),
        };
        if let Some(status) = status {
            answer::cache_status(response.headers_mut(), status);
        }
        if let Some(wait) = wait {
            wait.keep_from_caches(response.headers_mut());
        }
        answer::vary(response.headers_mut(), "Accept");
        answer::vary(response.headers_mut(), "Tidegate-Select");
        response
    }
}

impl Gateway {
    /// Reads for one caller alone.
    async fn read_alone(
        &self,
        route: &GatewayRoute,
        selection: Option<&Selection>,
        mut request: Request<Body>,
        client: &Client,
    ) -> Response<Body> {
        let Some(selection) = selection else { return self.forward_read(route, request, client).await };
        if self.is_short_of_memory() {
            return refusal::told(&refusal::short_of_memory());
        }
        let method = request.method().clone();
        part::ask_for_the_whole(&mut request);
        let response = self.forward_read(route, request, client).await;
        self.parts.of(response, selection, &method).await
    }
}
