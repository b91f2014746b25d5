/** Every label policy over the same join, as one program: each click and each purchase is read and matched once. */
export const SETS = ['oracle', 'waits', 'horizon', 'at_once', 'late', 'everything'] as const;
export type SetName = (typeof SETS)[number];

/** The wait of all policies that have one. */
export const WAIT = '1h';

const LABELS: Readonly<Record<SetName, string>> = {
  oracle: 'label fated wait 1s',
  waits: `label bought wait ${WAIT}`,
  // Also the measure: every anchor is audited.
  horizon: 'label bought wait horizon\n  audit 100%',
  at_once: 'label bought now then late positives',
  late: `label bought wait ${WAIT} then late positives\n  audit 5%`,
  everything: `label bought wait ${WAIT} then everything\n  audit 5%`,
};

const STREAMS = `
stream click from "clicks" {
  id   click_id : string
  time ts : timestamp
  user_id, ad_id, campaign_id, advertiser_id, placement : string
  late 1s
}
stream purchase from "purchases" {
  id   purchase_id : string
  time ts : timestamp
  click_id : string
  late 1s
}
stream fate from "fates" {
  id   fate_id : string
  time ts : timestamp
  click_id : string
  late 1s
}
feature user_clicks = count(click) by user_id over [1h, 24h]
set shared = click.user_id, click.ad_id, click.campaign_id, click.advertiser_id, click.placement, user_clicks
label bought = purchase on click_id within 30d
label fated  = fate on click_id within 1s
`;

export const PROGRAM =
  STREAMS +
  SETS.map(
    (name) => `examples ${name} for click {\n  features shared\n  ${LABELS[name]}\n}\n`,
  ).join('');
