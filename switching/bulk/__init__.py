"""Many cases by one file: read, checked, shown, confirmed, carried out row by row, recalled."""
