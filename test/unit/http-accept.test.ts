/** Which form of the page a scraper gets, by the headers of its request. */
import assert from "node:assert/strict";
import test from "node:test";
import { acceptedFormat, acceptsGzip } from "../../src/main/http/accept.ts";

const PROMETHEUS_2 =
  "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const PROMETHEUS_3 =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

test("the format is the one that is wished for most, and the older one without a wish", () => {
  for (const [accept, format, version] of [
    [undefined, "text", "0.0.4"],
    ["", "text", "0.0.4"],
    ["*/*", "text", "0.0.4"],
    ["text/html, image/png", "text", "0.0.4"],
    [PROMETHEUS_2, "openmetrics", "1.0.0"],
    [PROMETHEUS_3, "openmetrics", "1.0.0"],
    ["application/openmetrics-text", "openmetrics", "1.0.0"],
    ['Application/OpenMetrics-Text; Version="0.0.1"', "openmetrics", "0.0.1"],
    ["application/openmetrics-text;version=2.0.0", "text", "0.0.4"],
    ["application/openmetrics-text;q=0", "text", "0.0.4"],
    ["application/openmetrics-text;q=nonsense", "text", "0.0.4"],
    ["application/openmetrics-text;q=0.4,text/plain;q=0.5", "text", "0.0.4"],
    ["application/openmetrics-text;q=0.4,*/*;q=0.4", "openmetrics", "1.0.0"],
  ] as const) {
    const found = acceptedFormat(accept);
    assert.equal(found.format, format, accept);
    assert.ok(found.contentType.includes(`version=${version};`), accept);
  }
});

test("gzip for those who take it", () => {
  for (const encodings of ["gzip", "deflate, GZIP;q=0.5", "*", "br;q=1, *;q=0.1"]) assert.ok(acceptsGzip(encodings));
  for (const encodings of [undefined, "", "identity", "gzip;q=0", "gzip;q=0, *", "x-gzip"])
    assert.ok(!acceptsGzip(encodings));
});
