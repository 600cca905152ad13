-- Runs once, when MySQL starts on an empty volume. Tables are made by the API's migrations.
ALTER DATABASE notification CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci;
