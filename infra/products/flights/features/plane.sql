-- kind: feature
-- inputs: planes
-- entity: tailnum
-- online: true
--
-- The registry entry of the aircraft: no event time, joined by key. About 15% of flights name an aircraft the registry lacks.
SELECT
    tailnum,
    year          AS built,
    seats,
    engines
FROM planes
