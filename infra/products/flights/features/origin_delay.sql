-- kind: feature
-- inputs: flights
-- entity: origin
-- event_time: known_at
-- max_age: 2h
-- online: true
--
-- Departures of the last two hours by origin, on a ten-minute grid. A departure counts strictly after max(scheduled, actual):
-- six flights in ten leave early, and counted at the actual instant they would enter their own features (see README.md).
-- No row lies beyond the last scheduled departure of the origin, so the newest online row is not from after the data.
WITH departed AS (
    SELECT
        origin,
        dep_delay,
        CAST(epoch(time_hour) AS BIGINT) + 60 * (minute + greatest(dep_delay, 0))          AS left_at,
        max(CAST(epoch(time_hour) AS BIGINT) + 60 * minute) OVER (PARTITION BY origin)     AS last_at
    FROM flights
    WHERE dep_delay IS NOT NULL
), seen AS (
    SELECT origin, dep_delay, last_at, (left_at // 600 + 1 + unnest(range(0, 12))) * 600 AS slot
    FROM departed
)
SELECT
    origin,
    make_timestamp(slot * 1000000)                  AS known_at,
    count(*)                                        AS origin_departures,
    avg(dep_delay)                                  AS origin_departed_delay,
    avg(CAST(dep_delay > 15 AS INTEGER))            AS origin_departed_late
FROM seen
WHERE slot <= last_at
GROUP BY origin, slot
