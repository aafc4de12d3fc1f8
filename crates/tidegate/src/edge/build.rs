//! From a checked configuration to a gateway that is ready to answer.

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::header::ORIGIN;
use http::{HeaderName, HeaderValue, Method, Uri};
use tidegate_core::{Expect, Policy, SharingPolicy, Vary, WindowLimits, json};
use tidegate_hub::{Clock, FeedCounters, Hub, HubLimits, Origin, Route};

use super::Gateway;
use super::carried::{CarriedLimits, Events};
use super::content::Reads;
use super::cors::Cors;
use super::gateway::GatewayRoute;
use super::identity::Guard;
use super::open::Open;
use super::own::Own;
use super::part::Parts;
use super::tls;
use crate::config::{
    ByteSize, CallerConfig, Config, CorsOrigins, CredentialConfig, HostPattern, HttpVersions, LivePolicy,
    OpenConfig, OriginConfig, PathPattern, PlaceText, RouteConfig,
};
use crate::expect::Expecting;
use crate::origin::{
    BudgetSettings, ConnectionSettings, CredentialSettings, Http2, HttpOrigin, OAuth2Settings, OriginError,
    OriginSettings, Place, SecretStyle,
};
use crate::proxy::Tunnels;

/// How many other origins the redirects of one may lead to at a time.
const MAX_REDIRECTED: usize = 64;

/// A checked configuration could not be made to run.
#[derive(Debug)]
pub enum BuildError {
    /// An origin cannot be used.
    Origin {
        /// Its name.
        name: String,
        /// Why.
        error: OriginError,
    },
    /// A thread could not be started.
    Thread(std::io::Error),
    /// The system gives no random numbers.
    Entropy(String),
    /// TLS cannot be spoken with what was configured.
    Tls(rustls::Error),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Origin { name, error } => write!(f, "the origin `{name}` cannot be used: {error}"),
            BuildError::Thread(error) => write!(f, "a thread cannot be started: {error}"),
            BuildError::Tls(error) => write!(f, "TLS cannot be served: {error}"),
            BuildError::Entropy(error) => write!(f, "the system gives no random numbers: {error}"),
        }
    }
}

impl std::error::Error for BuildError {}

impl Gateway {
    /// Builds the gateway. Must be called within the runtime that it is to run in.
    pub fn new(config: &Config) -> Result<Gateway, BuildError> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let limits = HubLimits {
            feeds: *config.limits.max_feeds,
            private_feeds: *config.limits.max_private_feeds,
            streams: *config.limits.max_streams,
            shards: config.limits.shards.or(cores),
            pinned: in_memory(*config.limits.max_pinned),
        };
        // The first draw shows whether the system can be asked at all.
        getrandom::u64().map_err(|error| BuildError::Entropy(error.to_string()))?;
        let entropy = || getrandom::u64().expect("the system gave random numbers before");
        let hub = Hub::start(Clock::new(), limits, entropy).map_err(BuildError::Thread)?;
        let max_body = in_memory(*config.limits.max_body);
        let mut origins = Vec::new();
        for origin in &config.origins {
            let settings = OriginSettings {
                name: origin.name.as_str().to_owned(),
                base: origin.url.uri().clone(),
                connect_timeout: *origin.connect_timeout,
                head_timeout: *origin.head_timeout,
                body_timeout: *origin.body_timeout,
                max_body,
                budget: BudgetSettings {
                    max_concurrent: *origin.budget.max_concurrent,
                    max_per_second: origin.budget.per_second(),
                },
                credentials: credentials(&origin.credentials),
                connections: connections(origin),
            };
            let name = origin.name.as_str().to_owned();
            let made = HttpOrigin::new(settings).map_err(|error| BuildError::Origin { name, error })?;
            origins.push(match *origin.follow_redirects {
                0 => made,
                redirects => made.following(redirects, MAX_REDIRECTED),
            });
        }
        let window = WindowLimits {
            bytes: in_memory(*config.limits.window),
            versions: *config.limits.window_versions,
        };
        let totals = Arc::new(FeedCounters::default());
        let max_streams = *config.limits.max_streams_per_feed;
        // Who has no cross-origin policy here leaves it to the origin, and many answer `Origin` without saying `Vary`.
        let considered = match config.cors {
            CorsOrigins::None => Vary::naming(&ORIGIN),
            CorsOrigins::Any | CorsOrigins::List(_) => Vary::none(),
        };
        let route = |route: &RouteConfig| {
            // The check found every route's origin among the origins.
            let index = config.origins.iter().position(|origin| Arc::ptr_eq(origin, &route.origin))?;
            let origin = origins[index].mounted_at(&route.mount);
            let (host, pattern) = (route.host.clone(), route.pattern.clone());
            let live = route.live().map(|policy| {
                let paths = format!("{}{}", *host, *pattern);
                live_route(&paths, &origin, policy, window, max_streams, considered.clone(), totals.clone())
            });
            let live = live.map(Arc::new);
            let (host, pattern) = (HostPattern::clone(&host), PathPattern::clone(&pattern));
            let reads = route.live().map(reads).unwrap_or_default();
            let guard = route.callers.as_ref().map(guard);
            Some(GatewayRoute { host, pattern, origin, live, reads, guard })
        };
        let routes = config.routes.iter().filter_map(route).collect();
        let open = match &config.open {
            Some(open) => Some(self::open(open, max_body, window, max_streams, considered, &totals)?),
            None => None,
        };
        // The setting's most is far below.
        let max_h2_streams = u32::try_from(*config.limits.max_h2_streams).unwrap_or(u32::MAX);
        let tls = config.tls.as_ref().map(|tls| tls::server_config(tls, max_h2_streams > 0));
        Ok(Gateway {
            hub,
            routes,
            open,
            own: Own::new(config),
            totals,
            cors: Cors::new(config.cors.clone()),
            carried: CarriedLimits {
                subscriptions: *config.limits.max_subscriptions,
                heartbeat: *config.limits.subscriptions_heartbeat,
            },
            events: Events::default(),
            tunnels: Tunnels::default(),
            head_timeout: *config.limits.request_head_timeout,
            max_h2_streams,
            max_wait: *config.limits.max_wait,
            parts: Parts::new(max_body),
            send_buffer: in_memory(*config.limits.send_buffer),
            tls: tls.transpose().map_err(BuildError::Tls)?,
            limits: (&config.limits).into(),
            memory: *config.limits.memory,
            pressure: OnceLock::new(),
            itself: OnceLock::new(),
        })
    }
}

/// What the gateway sends of its own.
fn credentials(config: &CredentialConfig) -> CredentialSettings {
    let fields =
        config.headers.iter().map(|(name, value)| (HeaderName::clone(name), HeaderValue::clone(value)));
    let oauth2 = config.oauth2.as_ref().map(|oauth2| OAuth2Settings {
        url: Uri::clone(&oauth2.token_url),
        client_id: oauth2.client_id.reveal().to_owned(),
        client_secret: oauth2.client_secret.reveal().to_owned(),
        scope: String::clone(&oauth2.scope),
        audience: String::clone(&oauth2.audience),
        style: if *oauth2.in_body { SecretStyle::Post } else { SecretStyle::Basic },
    });
    CredentialSettings { fields: fields.collect(), oauth2 }
}

/// What a route asks of its callers.
fn guard(callers: &CallerConfig) -> Guard {
    let told = callers.headers.iter().map(|(name, claim)| (HeaderName::clone(name), String::clone(claim)));
    Guard {
        name: callers.verifier.name.as_str().to_owned(),
        verifier: callers.verifier.verifier.clone(),
        partition_by: callers.partition_by.iter().map(|claim| String::clone(claim)).collect(),
        told: told.collect(),
    }
}

/// The open mode, whose feeds are counted together.
fn open(
    config: &OpenConfig,
    max_body: usize,
    window: WindowLimits,
    max_streams: usize,
    considered: Vary,
    totals: &Arc<FeedCounters>,
) -> Result<Open, BuildError> {
    let counters = Arc::new(FeedCounters::within(totals.clone()));
    let policy = config.live.clone();
    // An origin's name is its scheme, host and port here, so that equal paths of two hosts never share.
    let live = move |origin: &HttpOrigin| {
        let considered = considered.clone();
        live_route("/**", origin, &policy, window, max_streams, considered, counters.clone())
    };
    Open::new(config, max_body, live)
        .map_err(|error| BuildError::Origin { name: String::from("[open]"), error })
}

/// How an origin is connected to, in its own terms.
fn connections(origin: &OriginConfig) -> ConnectionSettings {
    let OriginConfig { connections: config, tls, .. } = origin;
    let place = |text: &PlaceText| Place { host: text.host().to_owned(), port: text.port() };
    ConnectionSettings {
        addresses: config.addresses.iter().map(|text| place(text)).collect(),
        http2: match *config.http2 {
            HttpVersions::Auto => Http2::Auto,
            HttpVersions::Never => Http2::Never,
            HttpVersions::PriorKnowledge => Http2::PriorKnowledge,
        },
        roots: tls.authorities.as_ref().map(|authorities| authorities.certificates.clone()),
        identity: tls.client.as_ref().map(|client| client.material.clone()),
        max_age: *config.max_age,
        ..ConnectionSettings::default()
    }
}

/// A size as a number of bytes in memory.
fn in_memory(size: ByteSize) -> usize {
    usize::try_from(size.0).unwrap_or(usize::MAX)
}

/// Which requests of a live route are reads.
fn reads(policy: &LivePolicy) -> Reads {
    let sharing = &policy.sharing;
    Reads {
        safe_methods: sharing.safe_methods.iter().map(|method| Method::clone(method)).collect(),
        graphql: *sharing.graphql,
        max_body: in_memory(*sharing.max_query_body),
    }
}

fn live_route(
    paths: &str,
    origin: &HttpOrigin,
    policy: &LivePolicy,
    window: WindowLimits,
    max_streams: usize,
    considered: Vary,
    totals: Arc<FeedCounters>,
) -> Route {
    // What the gateway replaces by its own reaches no origin, so it chooses nothing.
    let replaced = origin.replaced_fields();
    let (head, content) = (policy.expect.head(), policy.expect.content());
    let asked: Arc<dyn Origin> = Arc::new(origin.clone());
    let asked = if head.is_usual() { asked } else { Arc::new(Expecting::new(asked, head)) };
    let expect: Option<Arc<dyn Expect>> = if content.is_any() { None } else { Some(Arc::new(content)) };
    Route {
        scope: format!("{} {paths}", origin.name()),
        origin: asked,
        policy: Policy {
            pace: policy.pace.pace(),
            linger: *policy.linger,
            stale_if_error: *policy.stale_if_error,
            window,
            max_depth: json::MAX_DEPTH,
            identities: Arc::new(policy.fields.identities()),
            controls: Arc::new(policy.fields.controls()),
            expect,
        },
        heartbeat: *policy.heartbeat,
        conflate: *policy.conflate,
        max_streams,
        considered,
        sharing: SharingPolicy {
            ignored_headers: policy
                .ignore_headers
                .iter()
                .map(|name| HeaderName::clone(name))
                .chain(replaced)
                .collect(),
            ignored_query: policy.sharing.ignored_query(),
            cookies: policy.sharing.cookie_names(),
        },
        counters: Arc::new(FeedCounters::within(totals)),
    }
}
