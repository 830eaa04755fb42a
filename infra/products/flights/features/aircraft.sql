-- kind: feature
-- inputs: flights, airports
-- entity: tailnum
-- event_time: known_at
-- max_age: 16h
-- window: flights 0h..50h
-- online: true
--
-- The aircraft's previous leg out of New York: a late aircraft comes back late. Two rows a leg: one when it has left (strictly
-- after max(scheduled, actual), so a leg is never its own previous leg), one when it has landed. The landing instant follows
-- from the local clock times and the airport's zone; an hour is added for reporting, which also covers airports without
-- daylight saving. Destinations the airport list lacks (SJU, BQN, PSE, STT) are on Atlantic time.
-- The window: an hour to the schedule, a day of delay, a day in the air at most, and the hour of reporting.
WITH legs AS (
    SELECT
        f.tailnum,
        f.dep_delay,
        f.arr_delay,
        f.distance,
        60 * f.hour + f.minute                                                             AS leg_minute_of_day,
        f.time_hour + to_minutes(f.minute)                                                 AS due_at,
        60 * (f.dep_time // 100) + f.dep_time % 100                                        AS left_clock,
        60 * (f.arr_time // 100) + f.arr_time % 100                                        AS landed_clock,
        60 * (coalesce(a.tz, -4) + 5)                                                      AS zone_minutes
    FROM flights AS f
    LEFT JOIN airports AS a ON a.faa = f.dest
    WHERE f.dep_delay BETWEEN -60 AND 1440 AND f.tailnum IS NOT NULL
), reports AS (
    SELECT
        tailnum, due_at, dep_delay, distance, leg_minute_of_day,
        due_at + to_minutes(greatest(dep_delay, 0) + 1)                                    AS known_at,
        CAST(NULL AS INTEGER)                                                              AS arr_delay
    FROM legs
    UNION ALL
    SELECT
        tailnum, due_at, dep_delay, distance, leg_minute_of_day,
        due_at + to_minutes(dep_delay + (landed_clock - left_clock - zone_minutes + 2880) % 1440 + 60) AS known_at,
        arr_delay
    FROM legs
    WHERE arr_delay IS NOT NULL
)
SELECT
    tailnum,
    known_at,
    dep_delay          AS leg_dep_delay,
    arr_delay          AS leg_arr_delay,
    distance           AS leg_distance,
    leg_minute_of_day
FROM reports
QUALIFY row_number() OVER (
    PARTITION BY tailnum, known_at
    ORDER BY due_at DESC, arr_delay DESC NULLS LAST, dep_delay DESC, distance DESC, leg_minute_of_day DESC
) = 1
