-- An earlier version does not add words anew: groups and pets are found by their words as these are folded now.
SELECT 1;
