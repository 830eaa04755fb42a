-- kind: feature
-- inputs: airports
-- entity: dest
-- online: true
--
-- Where the flight goes: no event time, joined by key. Four destinations are not in the list.
SELECT
    faa           AS dest,
    lat           AS dest_lat,
    lon           AS dest_lon,
    alt           AS dest_alt
FROM airports
