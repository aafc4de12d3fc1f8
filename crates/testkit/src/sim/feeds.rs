//! One resource of the simulation: its origin, the owner of its feed while there is one, and who still wants it.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use tidegate_core::{
    Asked, Binding, Epoch, Fetching, Jitter, Offset, Pace, Policy, SharedRequest, SharingRules, Time, Vary,
    WindowLimits, Wish, json,
};
use tidegate_hub::owner::{Lineage, Message, Owner, PortFactory, ShardIndex};
use tidegate_hub::shard::{FeedId, FeedPort, ViewId};
use tidegate_hub::{FetchRequest, Fetched, Origin, Route};
use tidegate_wire::Kind;

use super::api::Api;
use super::script::Setup;

/// The time between two polls of what changes.
const INTERVAL: Duration = Duration::from_millis(500);

/// The time between two polls of what does not.
pub(super) const CEILING: Duration = Duration::from_millis(1500);

/// How long a feed is polled after the last one left.
pub(super) const LINGER: Duration = Duration::from_millis(1500);

/// Messages to owners that are not on their way yet, each with its resource and the shard that sends it.
pub(super) type Outbox = Rc<RefCell<Vec<(usize, ShardIndex, Message)>>>;

pub(super) struct SimPort {
    resource: usize,
    view: ViewId,
    shard: ShardIndex,
    outbox: Outbox,
}

impl FeedPort for SimPort {
    fn request_step(&self, from: Offset, kind: Kind) {
        let message = Message::StepFrom(self.view, self.shard, from, kind);
        self.outbox.borrow_mut().push((self.resource, self.shard, message));
    }

    fn unsubscribed(&self, wish: Wish) {
        let message = Message::Unsubscribed(self.view, self.shard, wish);
        self.outbox.borrow_mut().push((self.resource, self.shard, message));
    }
}

pub(super) struct SimPorts {
    resource: usize,
    outbox: Outbox,
}

impl PortFactory for SimPorts {
    type Port = SimPort;

    fn port(&self, view: ViewId, shard: ShardIndex) -> SimPort {
        SimPort { resource: self.resource, view, shard, outbox: self.outbox.clone() }
    }
}

/// The world makes the fetches itself, in virtual time.
struct NeverAsked;

impl Origin for NeverAsked {
    fn fetch(&self, _: FetchRequest) -> Pin<Box<dyn Future<Output = Fetched> + Send>> {
        unreachable!("an owner decides that there be a fetch, it does not make it")
    }

    fn resource(&self, target: &str) -> String {
        target.to_owned()
    }
}

pub(super) type SimOwner = Owner<SimPorts>;

pub(super) struct Resource {
    pub(super) index: usize,
    pub(super) api: Api,
    pub(super) owner: Option<SimOwner>,
    pub(super) fetching: Option<Fetching>,
    /// Until when fetches are to be expected though nobody is there.
    pub(super) wanted_until: Time,
    /// When it was last written through the gateway.
    pub(super) written: Time,
    /// Makes lineages; its own, so that what clients do does not change when the origin is asked.
    rng: Jitter,
    route: Arc<Route>,
    request: SharedRequest,
}

impl Resource {
    pub(super) fn new(index: usize, setup: &Setup) -> Resource {
        let policy = Policy {
            pace: Pace { target: INTERVAL, ceiling: CEILING, obeys_lifetime: true },
            linger: LINGER,
            stale_if_error: Duration::from_secs(3600),
            window: WindowLimits { bytes: setup.window_bytes, versions: setup.versions },
            max_depth: json::MAX_DEPTH,
            identities: std::sync::Arc::default(),
            controls: std::sync::Arc::default(),
            expect: None,
        };
        let route = Route {
            scope: "simulation".to_owned(),
            origin: Arc::new(NeverAsked),
            policy,
            heartbeat: setup.heartbeat,
            conflate: setup.conflate,
            max_streams: usize::MAX,
            sharing: tidegate_core::SharingPolicy::default(),
            considered: tidegate_core::Vary::none(),
            counters: Arc::default(),
        };
        let mut fields = HeaderMap::new();
        if setup.credentials {
            fields.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer of-the-model"));
        }
        let none = Vary::none();
        let rules = SharingRules {
            scope: &route.scope,
            policy: &route.sharing,
            identity: None,
            vary: &none,
            nonce: 0,
        };
        let request = SharedRequest::new(Asked::get(&format!("/resource/{index}"), &fields), rules);
        Resource {
            index,
            api: Api::new(setup.seed ^ (index as u64 + 1), setup.etags),
            owner: None,
            fetching: None,
            wanted_until: Time::default(),
            written: Time::default(),
            rng: Jitter::new(!setup.seed ^ index as u64),
            route: Arc::new(route),
            request,
        }
    }

    /// The owner; a new one, called `id`, where there is none.
    pub(super) fn owner(&mut self, now: Time, id: u64, outbox: &Outbox) -> &mut SimOwner {
        let rng = &mut self.rng;
        self.owner.get_or_insert_with(|| {
            let lineage = Lineage {
                id: FeedId(id),
                epoch: Epoch(rng.bits()),
                binding: Binding(self.index as u32),
                seed: rng.bits(),
            };
            let ports = SimPorts { resource: self.index, outbox: outbox.clone() };
            Owner::new(now, self.route.clone(), self.request.clone(), lineage, ports)
        })
    }

    /// Somebody who wanted it left; what is under way for them may go on for `grace`.
    pub(super) fn somebody_left(&mut self, now: Time, grace: Duration) {
        self.wanted_until = self.wanted_until.max(now + LINGER + grace);
    }
}
