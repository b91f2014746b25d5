import { ascii, type LineWriter } from './line-writer.ts';
import { type Population, placements } from './population.ts';
import { RECORD_FIELDS } from './timed-records.ts';

/*
 * Layout of records in delivery. Field 0 is the event's time and field 1 the number in its id;
 * field 7 is the deliverer's own.
 *
 *   impression  time, id, user, ad, placement, bid in cents
 *   click       time, id, impression, user, ad
 *   pixel       time, id, user, advertiser, kind, order (-1: none), value in cents
 */

/** What a pixel reports. */
export const pixelKinds = ['page_view', 'add_to_cart', 'purchase', 'refund'] as const;
export const PIXEL_PAGE_VIEW = 0;
export const PIXEL_ADD_TO_CART = 1;
export const PIXEL_PURCHASE = 2;
export const PIXEL_REFUND = 3;

/** Writes one line of a stream from a record. */
export type LineRenderer = (out: LineWriter, record: Float64Array) => void;

const quoteBrace = ascii('"}');
const brace = ascii('}');
const timeField = ascii('","ts":');
const userField = ascii(',"user_id":"u');
const userAfterText = ascii('","user_id":"u');
const adField = ascii('","ad_id":"a');
const campaignField = ascii('","campaign_id":"c');
const advertiserField = ascii('","advertiser_id":"v');
const placementField = placements.map((name) => ascii(`","placement":"${name}","bid":`));
const impressionStart = ascii('{"impression_id":"i');
const clickStart = ascii('{"click_id":"k');
const impressionField = ascii(',"impression_id":"i');
const pixelStart = ascii('{"event_id":"p');
const kindField = pixelKinds.map((name) => ascii(`","kind":"${name}"`));
const orderField = ascii(',"order_id":"o');
const valueField = ascii('","value":');

/** Lines of `ads.impressions`. */
export function impressionLines(population: Population): LineRenderer {
  return (out, record) => {
    const ad = record[3]!;
    const campaign = population.campaignOfAd[ad]!;
    out.text(impressionStart);
    out.integer(record[1]!);
    out.text(timeField);
    out.integer(record[0]!);
    out.text(userField);
    out.integer(record[2]!);
    out.text(adField);
    out.integer(ad);
    out.text(campaignField);
    out.integer(campaign);
    out.text(advertiserField);
    out.integer(population.advertiserOfCampaign[campaign]!);
    out.text(placementField[record[4]!]!);
    out.hundredths(record[5]!);
    out.text(brace);
    out.endLine();
  };
}

/** Lines of `ads.clicks`. */
export function clickLines(population: Population): LineRenderer {
  return (out, record) => {
    out.text(clickStart);
    out.integer(record[1]!);
    out.text(timeField);
    out.integer(record[0]!);
    out.text(impressionField);
    out.integer(record[2]!);
    out.text(userAfterText);
    out.integer(record[3]!);
    out.text(adField);
    out.integer(record[4]!);
    out.text(advertiserField);
    out.integer(population.advertiserOf(record[4]!));
    out.text(quoteBrace);
    out.endLine();
  };
}

/** Lines of `pixel.events`; a page view has no order and no value. */
export function pixelLines(): LineRenderer {
  return (out, record) => {
    out.text(pixelStart);
    out.integer(record[1]!);
    out.text(timeField);
    out.integer(record[0]!);
    out.text(userField);
    out.integer(record[2]!);
    out.text(advertiserField);
    out.integer(record[3]!);
    out.text(kindField[record[4]!]!);
    if (record[5]! >= 0) {
      out.text(orderField);
      out.integer(record[5]!);
      out.text(valueField);
      out.hundredths(record[6]!);
    }
    out.text(brace);
    out.endLine();
  };
}

/**
 * Lines that no program may accept, by `variant`: cut short, a time that is none, required fields
 * missing, a null id, not JSON at all. Their ids are never those of an event.
 */
export function malformedLines(idName: string): (variant: number, timeMs: number) => Uint8Array {
  const shapes: ((timeMs: number) => string)[] = [
    (timeMs) => `{"${idName}":"x${timeMs}","ts":${timeMs},"user_id":"u`,
    (timeMs) => `{"${idName}":"x${timeMs}","ts":"yesterday","user_id":"u1","ad_id":"a1"}`,
    (timeMs) => `{"${idName}":"x${timeMs}","ts":${timeMs}}`,
    (timeMs) => `{"${idName}":null,"ts":${timeMs},"user_id":"u1","advertiser_id":"v1"}`,
    () => '<html><h1>502 Bad Gateway</h1></html>',
  ];
  return (variant, timeMs) => ascii(shapes[variant % shapes.length]!(timeMs));
}

/** A record to fill in place, so that no event allocates. */
export function blankRecord(): Float64Array {
  return new Float64Array(RECORD_FIELDS);
}
