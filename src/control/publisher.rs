//! From the world to the snapshot that queries read.

use std::cell::LazyCell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use super::retired::Retired;
use super::status::SnapshotStatus;
use super::world::{PoolState, World, ZoneState};
use crate::dns::Name;
use crate::model::node::ZoneSetup;
use crate::model::pool;
use crate::policy::{Family, Member};
use crate::snapshot::{self, PoolMember, Roll, Row, Snapshot, Store, ZoneImage};

/// Zones with the compiled records of each.
pub(super) type Images = Vec<(Arc<ZoneSetup>, Arc<ZoneImage>)>;

/// Makes snapshots; each shares with the one before what has not changed.
pub(super) struct Publisher {
    generation: u64,
    published: SystemTime,
    images: Images,
    store: Arc<Store>,
    /// What readers may still look at.
    pub(super) retired: Retired,
}

impl Publisher {
    /// Publishes the first snapshot. `images` are those of the world's zones, in their order.
    pub(super) fn new(world: &World, images: Images) -> Self {
        let store = Store::new(Arc::new(Snapshot::new(0, Arc::clone(&world.node.name), Vec::new())));
        let retired = Retired::default();
        let mut publisher = Self { generation: 0, published: SystemTime::now(), images: Vec::new(), store, retired };
        publisher.replace(world, images);
        publisher
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// What is in force.
    pub(super) fn status(&self) -> SnapshotStatus {
        SnapshotStatus { generation: self.generation, published: self.published }
    }

    /// The images in force, for [`compile`] to share.
    pub(super) fn images(&self) -> &Images {
        &self.images
    }

    /// Publishes a world of other zones, and lets go of the records that they were compiled of.
    pub(super) fn replace(&mut self, world: &World, images: Images) {
        let roll = Arc::new(next_roll(world, self.store.current().roll()));
        let zones = world.zones.iter().zip(&images);
        let zones = zones
            .map(|(state, (_, image))| snapshot::Zone {
                image: Arc::clone(image),
                pools: pools(state, &roll, &[]),
                row: roll.zones.row(state.setup.name()),
            })
            .collect();
        let kept: HashSet<_> = images.iter().map(|(_, image)| Arc::as_ptr(image)).collect();
        for (_, image) in std::mem::replace(&mut self.images, images) {
            if !kept.contains(&Arc::as_ptr(&image)) {
                self.retired.keep(image);
            }
        }
        self.generation += 1;
        self.publish(Snapshot::new(self.generation, Arc::clone(&world.node.name), zones).with_roll(roll));
        let records: Vec<_> = world.zones.iter().filter_map(|zone| zone.setup.records.let_go()).collect();
        if !records.is_empty() {
            // To free many takes its time.
            tokio::task::spawn_blocking(move || drop(records));
        }
    }

    /// Publishes what the pools of these zones answer now.
    pub(super) fn update(&mut self, world: &World, touched: &BTreeSet<usize>) {
        self.generation += 1;
        let before = self.store.current();
        let changed = touched.iter().map(|place| {
            let known = before.zones().get(*place).map_or(&[][..], |zone| &zone.pools);
            (*place, pools(&world.zones[*place], before.roll(), known))
        });
        self.publish(before.with_answers(self.generation, changed));
    }

    fn publish(&mut self, next: Snapshot) {
        self.published = SystemTime::now();
        let before = self.store.publish(Arc::new(next));
        self.retired.replace(before);
    }
}

/// Gives a row to every zone, and to every address that a pool may answer.
fn next_roll(world: &World, before: &Roll) -> Roll {
    let addresses = world.pools().flat_map(|(_, pool, state)| {
        let endpoints = pool.endpoints.iter().flat_map(|e| e.addresses.iter().map(move |address| (e, address)));
        endpoints.map(|(endpoint, address)| PoolMember {
            pool: state.id.clone(),
            member: Member { endpoint: endpoint.name.clone(), ip: address.ip },
        })
    });
    before.next(world.zones.iter().map(|zone| zone.setup.name().clone()), addresses)
}

/// What the pools of a zone answer now; those that have not changed are shared with `known`.
fn pools(zone: &ZoneState, roll: &Roll, known: &[snapshot::Pool]) -> Arc<[snapshot::Pool]> {
    let both = zone.setup.pools.iter().zip(&zone.pools).enumerate();
    let pools = both.map(|(place, (pool, state))| {
        let same = known.get(place).filter(|known| Arc::ptr_eq(&known.steered, &state.compiled.steered));
        same.cloned().unwrap_or_else(|| snapshot::Pool {
            steered: Arc::clone(&state.compiled.steered),
            a_rows: rows(pool, state, Family::V4, roll),
            aaaa_rows: rows(pool, state, Family::V6, roll),
        })
    });
    pools.collect()
}

/// Where the records of a family's answers are counted, in their order: that of the addresses in use.
fn rows(pool: &pool::Pool, state: &PoolState, family: Family, roll: &Roll) -> Arc<[Row]> {
    let mut in_use = state.compiled.plan(family).in_use.iter().map(|seat| {
        let endpoint = &pool.endpoints[seat.endpoint];
        Member { endpoint: endpoint.name.clone(), ip: endpoint.addresses[seat.address].ip }
    });
    let answered = state.compiled.steering(family).addresses();
    let rows = answered.map(|ip| match in_use.find(|member| member.ip == ip) {
        Some(member) => roll.members.row(&PoolMember { pool: state.id.clone(), member }),
        None => Row::OTHER,
    });
    rows.collect()
}

/// Compiles the records of each zone, except where `before` has them. A large zone takes its time: call
/// it where blocking is fine.
///
/// # Errors
/// The zones whose records were let go and are not in `before`.
pub(super) fn compile(zones: &[Arc<ZoneSetup>], before: &Images) -> Result<Images, Vec<Name>> {
    let known = LazyCell::new(|| before.iter().map(|entry| (entry.0.name(), entry)).collect::<HashMap<_, _>>());
    let mut missing = Vec::new();
    let mut images = Images::with_capacity(zones.len());
    for (place, setup) in zones.iter().enumerate() {
        // Nearly always there is the same zone in the same place.
        let old = before.get(place).filter(|(old, _)| Arc::ptr_eq(old, setup));
        let old = old.or_else(|| known.get(setup.name()).copied().filter(|(old, _)| has_same_image(old, setup)));
        let image = match old {
            Some((_, image)) => Some(Arc::clone(image)),
            None => setup.records.zone().map(|zone| Arc::new(snapshot::compile(&zone, &steered_names(setup)))),
        };
        match image {
            Some(image) => images.push((Arc::clone(setup), image)),
            None => missing.push(setup.name().clone()),
        }
    }
    if missing.is_empty() { Ok(images) } else { Err(missing) }
}

/// Whether the records are the same and so are the names that pools steer.
fn has_same_image(old: &ZoneSetup, new: &ZoneSetup) -> bool {
    old.records.is_same(&new.records) && steered_names(old) == steered_names(new)
}

/// Which names are steered, by which pool of the zone.
fn steered_names(zone: &ZoneSetup) -> Vec<(Name, u16)> {
    let pools = (0u16..).zip(&zone.pools);
    pools.flat_map(|(index, pool)| pool.names.iter().map(move |name| (name.clone(), index))).collect()
}
