/** Random programs, as text that goes through the parser and the checker. */
import type { Rng } from '../random.ts';
import { aggregateFeature, type GeneratedFeature, madeFeature, whereOf } from './features.ts';
import type { GeneratedProgram, GeneratedSet } from './program-text.ts';
import { DURATIONS, FIELDS, type FieldKind, type SourceWords, STREAM_LINES } from './vocabulary.ts';

/** What of the world a program has. */
type World = {
  readonly enriched: boolean;
  readonly table: boolean;
  readonly site: boolean;
  readonly labels: readonly GeneratedLabel[];
};

type GeneratedLabel = { readonly name: string; readonly line: string; readonly horizonMs: number };

export function generateProgram(random: Rng): GeneratedProgram {
  const world: World = {
    enriched: random.chance(0.35),
    table: random.chance(0.25),
    site: random.chance(0.15),
    labels: random.chance(0.7) ? labelsOf(random) : [],
  };
  const anchors = random.chance(0.3) ? ['imp', 'clk'] : [random.pick(['imp', 'imp', 'imp', 'clk'])];
  const lines = ['stream buy = pix where kind == "b"', 'stream refund = pix where kind == "r"'];
  const hot = random.chance(0.3);
  if (hot) lines.push(`stream hot = imp${whereOf(random, words('imp', FIELDS.imp))}`);
  if (world.enriched) lines.push(`enrich clk from imp on iid within ${random.pick(DURATIONS)}`);
  lines.push(...world.labels.map(({ line }) => line));
  const sets: GeneratedSet[] = [];
  for (const [s, anchor] of anchors.entries()) {
    const named = anchor === 'imp' && hot && random.chance(0.5) ? 'hot' : anchor;
    const features = featuresOf(random, `s${s}`, anchor, world);
    lines.push(...features.lines);
    sets.push({
      head: `examples set${s} for ${named}`,
      features: features.items,
      clauses: clausesOf(random, anchor === 'imp' ? world.labels : []),
    });
  }
  return { streams: streamsOf(random, world), lines, sets };
}

function words(name: string, fields: Readonly<Record<string, FieldKind>>): SourceWords {
  return { name, fields };
}

function streamsOf(random: Rng, world: World): GeneratedProgram['streams'] {
  const streams = (['imp', 'clk', 'pix'] as const).map((name) => {
    const lines: string[] = [...STREAM_LINES[name]];
    if (name === 'pix' && random.chance(0.2)) lines[0] = 'pid : string';
    lines.push(...optionsOf(random));
    return { head: `stream ${name} from "${name}"`, lines };
  });
  if (world.table) {
    const lines = [...STREAM_LINES.prod, ...(random.chance(0.5) ? ['late 1s'] : [])];
    streams.push({ head: 'table prod from "prod"', lines });
  }
  if (world.site)
    streams.push({ head: 'static table site from "site"', lines: [...STREAM_LINES.site] });
  return streams;
}

function optionsOf(random: Rng): string[] {
  const options: string[] = [];
  const late = random.pick([null, '20ms', '500ms', '2s']);
  if (late !== null) options.push(`late ${late}`);
  if (random.chance(0.4)) options.push(`labels ${random.pick(['5s', '20s', '2m'])}`);
  if (random.chance(0.3)) options.push(`ahead ${random.pick(['1s', '10s'])}`);
  if (random.chance(0.2)) options.push(`delay ${random.pick(['1ms', '2ms'])}`);
  if (random.chance(0.2)) options.push(`dedup ${random.pick(['5s', '1m'])}`);
  if (random.chance(0.3)) options.push(`hold ${random.pick(['100ms', '3s', '20s'])}`);
  return options;
}

const MS: Readonly<Record<string, number>> = {
  '500ms': 500,
  '1s': 1000,
  '2s': 2000,
  '5s': 5000,
  '10s': 10_000,
  '30s': 30_000,
};

const CREDITS = [
  ...['', ' credit last', ' credit first', ' credit every', ' credit linear', ' credit position'],
  ...[' credit position(first: 70%, last: 30%)', ' credit position(first: 5%, last: 0%)'],
  ...[' credit decay(half_life: 1s)', ' credit decay(half_life: 50ms)'],
];

function labelsOf(random: Rng): GeneratedLabel[] {
  const duration = () => random.pick(Object.keys(MS));
  const credit = () => random.pick(CREDITS);
  const unless = () =>
    random.chance(0.5)
      ? ` unless refund on ${random.pick(['order_id', 'user'])} within ${duration()}`
      : '';
  const h = duration();
  const clicked = {
    name: 'clicked',
    line: `label clicked = clk${random.chance(0.2) ? ' where dwell > 1' : ''} on ${random.pick(['iid', 'user', 'user, iid'])} within ${h} of imp${credit()}`,
    horizonMs: MS[h],
  };
  const labels: GeneratedLabel[] = [clicked];
  if (random.chance(0.7)) labels.push(boughtLabel(random, { clicked, duration, credit, unless }));
  if (random.chance(0.3)) {
    const v = duration();
    labels.push({
      name: 'viewed',
      line: `label viewed = buy on user within ${v} of imp${credit()}${unless()}`,
      horizonMs: MS[v],
    });
  }
  if (random.chance(0.5)) labels.push(besideOf(random, random.pick(labels), clicked.horizonMs));
  return labels;
}

/** The same label with other windows and another credit: they share a join. */
function besideOf(random: Rng, label: GeneratedLabel, clickedMs: number): GeneratedLabel {
  let horizonMs = 0;
  const line = label.line
    .replace(`label ${label.name}`, `label ${label.name}_too`)
    .replace(/ credit \w+(\([^)]*\))?/, '')
    .replace(/(\d+m?s) of (\w+)/g, (_, _duration, parent) => {
      const duration = random.pick(Object.keys(MS));
      horizonMs = Math.max(horizonMs, MS[duration] + (parent === 'clicked' ? clickedMs : 0));
      return `${duration} of ${parent}`;
    })
    .replace(/(?= unless|$)/, random.pick(CREDITS));
  return { name: `${label.name}_too`, line, horizonMs };
}

function boughtLabel(
  random: Rng,
  by: {
    clicked: GeneratedLabel;
    duration: () => string;
    credit: () => string;
    unless: () => string;
  },
): GeneratedLabel {
  const h = by.duration();
  const other = by.duration();
  const two = random.chance(0.4);
  const routes = two
    ? random.pick([`${h} of clicked else ${other} of imp`, `${other} of imp else ${h} of clicked`])
    : `${h} of clicked`;
  const on = random.pick(['user', 'user', 'ad', 'user, ad']);
  const chained = by.clicked.horizonMs + MS[h];
  return {
    name: 'bought',
    line: `label bought = buy on ${on} within ${routes}${by.credit()}${by.unless()}`,
    horizonMs: two ? Math.max(chained, MS[other]) : chained,
  };
}

function clausesOf(random: Rng, labels: readonly GeneratedLabel[]): string[] {
  const clauses = labels
    .filter(() => random.chance(0.85))
    .map(({ name, horizonMs }) => `label ${name} ${policyOf(random, horizonMs)}`);
  if (random.chance(0.3)) clauses.push(`sample negatives ${random.pick(['50%', '10%'])}`);
  if (clauses.some((c) => c.startsWith('label')) && random.chance(0.4)) {
    clauses.push(`audit ${random.pick(['30%', '100%'])}`);
  }
  return clauses;
}

function policyOf(random: Rng, horizonMs: number): string {
  const wait = `${random.pick([1, horizonMs / 2, horizonMs])}ms`;
  return random.pick([
    'wait horizon',
    `wait ${wait}`,
    'now then late positives',
    `wait ${wait} then late positives`,
    `wait ${wait} then everything`,
  ]);
}

function featuresOf(
  random: Rng,
  prefix: string,
  anchor: string,
  world: World,
): { lines: string[]; items: string[] } {
  const made: GeneratedFeature[] = [];
  const n = 1 + random.below(7);
  for (let i = 0; i < n; i++) {
    const { source, keys } = random.pick(sourcesFor(anchor, world));
    made.push(aggregateFeature(random, `${prefix}f${i}`, source, keys));
  }
  for (let i = 0; i < 3; i++) {
    const more = random.chance(0.6) ? madeFeature(random, `${prefix}m${i}`, made) : null;
    if (more !== null) made.push(more);
  }
  const direct = directFeatures(random, prefix, anchor, world);
  const items = made
    .filter(({ items: [name] }) => name.length > 0)
    .flatMap((each) => {
      const role = each.items.find((item) => item.includes(' at '));
      const listed = random.pick(each.items.filter((item) => item !== role));
      return role !== undefined && anchor === 'imp' && random.chance(0.3)
        ? [listed, role]
        : [listed];
    });
  return {
    lines: [...made.map(({ line }) => line), ...direct.lines],
    items: [...items, ...direct.items],
  };
}

/** Sources that share a key with the anchor. */
function sourcesFor(
  anchor: string,
  world: World,
): { source: SourceWords; keys: readonly string[] }[] {
  const gained = world.enriched ? ({ ad: 'string', slot: 'int', cost: 'float' } as const) : {};
  const clk = { ...FIELDS.clk, ...gained };
  const has = (name: string) => world.labels.some((label) => label.name === name);
  const adKeys = anchor === 'imp' ? ['user', 'ad'] : world.enriched ? ['user', 'ad'] : ['user'];
  const all = [
    {
      source: words('imp', FIELDS.imp),
      keys: anchor === 'imp' ? [...adKeys, 'slot'] : [...adKeys, 'iid'],
    },
    {
      source: words('clk', clk),
      keys:
        anchor === 'imp'
          ? world.enriched
            ? ['user', 'ad', 'iid', 'slot']
            : ['user', 'iid']
          : ['user', 'iid', 'mood'],
    },
    { source: words('pix', FIELDS.pix), keys: adKeys },
    { source: words('buy', FIELDS.pix), keys: adKeys },
  ];
  if (has('clicked')) {
    const fields = {
      dwell: 'int',
      mood: 'string',
      ad: 'string',
      cost: 'float',
      slot: 'int',
    } as const;
    all.push({ source: words('clicked', fields), keys: [...adKeys, 'iid'] });
  }
  if (has('bought')) {
    const fields = {
      value: 'float',
      order_id: 'string',
      dwell: 'int',
      credit: 'float',
      price: 'money',
    } as const;
    all.push({ source: words('bought', fields), keys: [...adKeys, 'iid'] });
  }
  return all;
}

/** Fields of the anchor, tables, expressions over them. */
function directFeatures(
  random: Rng,
  prefix: string,
  anchor: string,
  world: World,
): { lines: string[]; items: string[] } {
  const own =
    anchor === 'imp'
      ? ['ad', 'slot', 'cost', 'price', 'flag', 'tags', 'ts']
      : ['dwell', 'mood', 'ts'];
  const items = own.filter(() => random.chance(0.25)).map((field) => `${anchor}.${field}`);
  const hasAd = anchor === 'imp' || world.enriched;
  if (world.table && hasAd) items.push('prod.brand', ...(random.chance(0.5) ? ['prod.grade'] : []));
  if (world.site && hasAd) items.push('site.weight', 'site.region');
  const options = [
    `hour_of_day(${anchor}.ts)`,
    `day_of_week(${anchor}.ts, "America/New_York")`,
    `hash(${anchor}.user)`,
    ...(anchor === 'imp'
      ? [
          'cross(imp.user, imp.ad, imp.slot)',
          'imp.cost / imp.slot',
          'uniq(imp.tags)',
          'if imp.flag then 1 else 2',
          'bucketize(imp.cost, [0, 1.5, 2])',
          'size(imp.tags) default 0',
          'contains(imp.tags, imp.ad)',
          'coalesce(imp.ad, imp.peer, "-")',
        ]
      : ['time_since(clk.ts)', 'clk.dwell * 2 + 1', 'lower(clk.mood)']),
  ];
  const lines = options
    .filter(() => random.chance(0.15))
    .map((text, i) => `feature ${prefix}d${i} = ${text}`);
  return { lines, items: [...items, ...lines.map((_, i) => `${prefix}d${i}`)] };
}
