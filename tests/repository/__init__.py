"""The repository itself: layout, registration, documents, benchmarks, mutations."""
