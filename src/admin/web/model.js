// What /v1/status says, arranged for the page. Pure: no element, no clock.

const RANK = { down: 0, stale: 1, unknown: 2, slow: 3, up: 4, unchecked: 5 };
export const HEALTHY = new Set(["up", "slow", "unchecked"]);

export const zoneOf = (name) => (name.length > 1 ? name.replace(/\.$/, "") : name);

export function stateOf(address) {
  const { check } = address;
  if (!check) return "unchecked";
  return check.stale ? "stale" : check.verdict;
}

const worst = (states) => states.reduce((a, b) => (RANK[b] < RANK[a] ? b : a), "unchecked");

function endpointOf(pool, raw) {
  const states = raw.addresses.map(stateOf);
  const state = worst(states);
  const streak = raw.addresses.some(({ check }) => check && check.streak > 0);
  const hold = raw.addresses.some((address) => address.hold !== null && address.hold.state !== "pending");
  return {
    id: `${pool}/${raw.name}`,
    pool,
    raw,
    name: raw.name,
    region: raw.region,
    state,
    order: raw.override,
    hold,
    // 0 is worst.
    rank: RANK[state] < RANK.slow ? RANK[state] : raw.override || streak || hold ? 3 : 4,
    words: [raw.name, raw.region ?? "", ...raw.addresses.map((address) => address.address)].join(" ").toLowerCase(),
  };
}

// Whether an endpoint may be answered, by its verdict and the orders on it.
export function eligible(endpoint) {
  const force = endpoint.order?.force;
  if (force) return force === "up";
  return endpoint.raw.addresses.some((address) => HEALTHY.has(stateOf(address)) && !holds(address));
}

const holds = (address) => address.hold !== null && address.hold.state !== "pending";

function poolOf(zone, raw) {
  const id = `${zoneOf(zone.name)}/${raw.name}`;
  const endpoints = raw.endpoints.map((endpoint) => endpointOf(id, endpoint));
  const families = ["A", "AAAA"].map((family) => ({ family, ...raw.answers[family] }));
  const lost = families.some((answer) => !["healthy", "absent"].includes(answer.mode));
  const rank = Math.min(lost ? -1 : 4, ...endpoints.map((endpoint) => endpoint.rank));
  return {
    id,
    zone: zoneOf(zone.name),
    name: raw.name,
    raw,
    policy: raw.policy,
    families,
    endpoints,
    lost,
    rank,
    state: lost ? "lost" : rank < 3 ? "partly" : rank < 4 ? "watch" : "well",
    words: `${id} ${raw.names.join(" ")}`.toLowerCase(),
  };
}

export const POOL_WORDS = {
  lost: ["down", "nothing healthy"],
  partly: ["warn", "partly down"],
  watch: ["info", "changing or overridden"],
  well: ["up", "healthy"],
};

function regionsOf(pools) {
  const regions = new Map();
  for (const pool of pools) {
    for (const endpoint of pool.endpoints) {
      if (endpoint.region === null) continue;
      const region = regions.get(endpoint.region) ?? { name: endpoint.region, endpoints: [], used: new Set() };
      region.endpoints.push(endpoint);
      if (endpoint.raw.addresses.some((address) => address.in_use)) region.used.add(pool.id);
      regions.set(endpoint.region, region);
    }
  }
  return [...regions.values()].map((region) => ({ ...region, ...tally(region.endpoints) }));
}

// How many are in which state, and the state of all as one.
function tally(endpoints) {
  const counts = {};
  for (const { state } of endpoints) counts[state] = (counts[state] ?? 0) + 1;
  const bad = endpoints.filter(({ state }) => !HEALTHY.has(state)).length;
  const all = worst(endpoints.map(({ state }) => state));
  return { counts, bad, state: bad && bad < endpoints.length ? "warn" : all };
}

export function arrange(status) {
  const pools = status.zones.flatMap((zone) => zone.pools.map((pool) => poolOf(zone, pool)));
  const endpoints = pools.flatMap((pool) => pool.endpoints);
  return { status, pools, endpoints, regions: regionsOf(pools), ...tally(endpoints) };
}

// Which endpoints an override of this scope covers.
export function covered(view, scope) {
  if (scope.endpoint) return view.endpoints.filter((endpoint) => endpoint.id === scope.endpoint);
  if (scope.pool) return view.endpoints.filter((endpoint) => endpoint.pool === scope.pool);
  return view.endpoints.filter((endpoint) => endpoint.region === scope.region);
}

// Pools in which nothing would be left to answer if these endpoints were taken away.
export function emptied(view, endpoints) {
  const gone = new Set(endpoints.map((endpoint) => endpoint.id));
  const pools = new Set(endpoints.map((endpoint) => endpoint.pool));
  return view.pools
    .filter((pool) => pools.has(pool.id))
    .filter((pool) => !pool.endpoints.some((endpoint) => !gone.has(endpoint.id) && eligible(endpoint)))
    .map((pool) => pool.id);
}
